using Rudder.Engine.Sampling;

namespace Rudder.Trainer.Scoring;

/// <summary>Label logits and probabilities of texts from a classifier's logits.</summary>
internal static class LabelScorer
{
    /// <summary>
    /// (logits, probabilities) per row, in the order of the rows. Of a text in several windows the probabilities are the mean
    /// over the windows, and the logits are their logarithms. A single label has a score: its logit, or the mean over the windows.
    /// </summary>
    public static IReadOnlyList<(double[] Logits, double[] Probabilities)> Score(Func<IReadOnlyList<int[]>, float[][]> logits, IReadOnlyList<ScoreRow> rows)
    {
        float[][] found = logits([.. rows.SelectMany(row => row.Windows)]);
        var result = new List<(double[], double[])>(rows.Count);
        int next = 0;
        foreach (ScoreRow row in rows)
        {
            result.Add(Joined(found.AsSpan(next, row.Windows.Count)));
            next += row.Windows.Count;
        }

        return result;
    }

    private static (double[] Logits, double[] Probabilities) Joined(ReadOnlySpan<float[]> windows)
    {
        if (windows[0].Length == 1)
        {
            double[] score = [windows.ToArray().Average(window => (double)window[0])];
            return (score, score);
        }

        double[] mean = new double[windows[0].Length];
        foreach (float[] window in windows)
        {
            double normalizer = LogitMath.LogSumExp(window);
            for (int label = 0; label < mean.Length; label++)
            {
                mean[label] += Math.Exp(window[label] - normalizer) / windows.Length;
            }
        }

        double[] logits = windows.Length == 1 ? Array.ConvertAll(windows[0], value => (double)value) : Array.ConvertAll(mean, Math.Log);
        return (logits, mean);
    }
}
