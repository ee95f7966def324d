using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Averages a reward model's metrics over the pairs of a step or an evaluation.</summary>
internal sealed class RewardMetrics
{
    private const int Bins = 10;
    private List<double> _margins = [];
    private double _loss;
    private double _chosen;
    private double _rejected;

    /// <summary>Pairs added.</summary>
    public int Pairs => _margins.Count;

    /// <summary>Tokens of the sequences, without padding.</summary>
    public long Tokens { get; private set; }

    /// <summary>Mean loss over the pairs added.</summary>
    public double Loss => _loss / Pairs;

    /// <summary>Adds the pairs of one forward pass.</summary>
    /// <param name="losses">Loss of each pair. [P]</param>
    /// <param name="chosen">Scores of the chosen completions. [P]</param>
    /// <param name="rejected">Scores of the rejected ones. [P]</param>
    /// <param name="tokens">Tokens of the pass, without padding.</param>
    public void Add(Tensor losses, Tensor chosen, Tensor rejected, int tokens)
    {
        float[] winners = NamedParameters.Values(chosen), losers = NamedParameters.Values(rejected);
        _loss += NamedParameters.Values(losses).Sum(loss => (double)loss);
        _chosen += winners.Sum(score => (double)score);
        _rejected += losers.Sum(score => (double)score);
        _margins.AddRange(winners.Zip(losers, (winner, loser) => (double)winner - loser));
        Tokens += tokens;
    }

    /// <summary>Adds the pairs of the other processes.</summary>
    public void Join(Ranks ranks)
    {
        _margins = [.. ranks.Gather([.. _margins])];
        double[] sums = ranks.Sum(_loss, _chosen, _rejected, Tokens);
        (_loss, _chosen, _rejected, Tokens) = (sums[0], sums[1], sums[2], (long)sums[3]);
    }

    /// <summary>Accuracy (ties count as wrong), mean margin and mean scores.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Scores() =>
    [
        new("accuracy", _margins.Count(margin => margin > 0) / (double)Pairs),
        new("margin", _margins.Average()),
        new("scores/chosen", _chosen / Pairs),
        new("scores/rejected", _rejected / Pairs),
    ];

    /// <summary>
    /// Expected calibration error: the model is confident by c = σ(|r_w − r_l|) that the higher score wins. Over ten equal bins of c in
    /// [½, 1], the mean of |accuracy − mean c|, weighted by the pairs of a bin.
    /// </summary>
    public static double CalibrationError(IReadOnlyCollection<double> margins) =>
        margins.Select(margin => (Right: margin > 0 ? 1.0 : 0, Confidence: 1 / (1 + Math.Exp(-Math.Abs(margin)))))
            .GroupBy(pair => Math.Min(Bins - 1, (int)((pair.Confidence - 0.5) * 2 * Bins)))
            .Sum(bin => Math.Abs(bin.Average(pair => pair.Right) - bin.Average(pair => pair.Confidence)) * bin.Count()) / margins.Count;

    /// <summary><see cref="CalibrationError(IReadOnlyCollection{double})"/> over the pairs added.</summary>
    public double CalibrationError() => CalibrationError(_margins);
}
