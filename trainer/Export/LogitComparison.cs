using Rudder.Engine.Sampling;

namespace Rudder.Trainer.Export;

/// <summary>Accumulates the distance between two sources of logits, position by position.</summary>
internal sealed class LogitComparison
{
    private double _klSum, _tokenSum;
    private int _tokens;

    /// <summary>Largest |Δ log-prob| over everything compared.</summary>
    public double MaxLogProbDifference { get; private set; }

    /// <summary>Largest |logit| of the model.</summary>
    public double LargestLogit { get; private set; }

    /// <summary>Rows of logits compared.</summary>
    public int Positions { get; private set; }

    /// <summary>Mean KL(model‖graph), nats.</summary>
    public double MeanKl => _klSum / Math.Max(1, Positions);

    /// <summary>Mean |Δ log-prob| of the given tokens.</summary>
    public double MeanTokenDifference => _tokenSum / Math.Max(1, _tokens);

    /// <summary>Compares one row. NaN counts as an infinite distance.</summary>
    /// <param name="model">Logits of the model. [V]</param>
    /// <param name="graph">Logits of the graph. [V]</param>
    /// <param name="token">The token that follows; null if none does.</param>
    public void Add(ReadOnlySpan<float> model, ReadOnlySpan<float> graph, int? token)
    {
        double modelNormalizer = LogitMath.LogSumExp(model), graphNormalizer = LogitMath.LogSumExp(graph), kl = 0;
        for (int i = 0; i < model.Length; i++)
        {
            double logProb = model[i] - modelNormalizer;
            double difference = logProb - (graph[i] - graphNormalizer);
            double distance = double.IsNaN(difference) ? double.PositiveInfinity : Math.Abs(difference);
            MaxLogProbDifference = Math.Max(MaxLogProbDifference, distance);
            LargestLogit = Math.Max(LargestLogit, Math.Abs(model[i]));
            kl += Math.Exp(logProb) * difference;
            if (i == token)
            {
                _tokenSum += distance;
                _tokens++;
            }
        }

        _klSum += double.IsNaN(kl) ? double.PositiveInfinity : kl;
        Positions++;
    }
}
