using Rudder.Engine.Scoring;
using Rudder.Trainer.Logits;

namespace Rudder.Trainer.Scoring;

/// <summary>Label logits and probabilities of texts under a classifier.</summary>
/// <param name="model">Gives the logits.</param>
internal sealed class LabelScorer(ILabelLogits model)
{
    private const int MaxTokens = 4096;

    /// <summary>
    /// (logits, probabilities) per row, in the order of the rows. Of a text in several windows the probabilities are the mean
    /// over the windows, and the logits are their logarithms.
    /// </summary>
    public IReadOnlyList<(double[] Logits, double[] Probabilities)> Score(IReadOnlyList<ScoreRow> rows)
    {
        int[][] windows = [.. rows.SelectMany(row => row.Windows)];
        float[][] logits = new float[windows.Length][];
        foreach (int[] batch in MicroBatcher.Split([.. windows.Select(window => window.Length)], new int[windows.Length], MaxTokens, 0))
        {
            float[][] found = model.Logits([.. batch.Select(index => windows[index])]);
            for (int i = 0; i < batch.Length; i++)
            {
                logits[batch[i]] = found[i];
            }
        }

        var result = new List<(double[], double[])>(rows.Count);
        int next = 0;
        foreach (ScoreRow row in rows)
        {
            result.Add(Joined(logits.AsSpan(next, row.Windows.Count)));
            next += row.Windows.Count;
        }

        return result;
    }

    private static (double[] Logits, double[] Probabilities) Joined(ReadOnlySpan<float[]> windows)
    {
        double[] mean = new double[windows[0].Length];
        foreach (float[] window in windows)
        {
            double[] probabilities = LogSoftmax.Probabilities(window);
            for (int label = 0; label < mean.Length; label++)
            {
                mean[label] += probabilities[label] / windows.Length;
            }
        }

        double[] logits = windows.Length == 1 ? Array.ConvertAll(windows[0], value => (double)value) : Array.ConvertAll(mean, Math.Log);
        return (logits, mean);
    }
}
