using System.Globalization;
using System.Text;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>The frontier as a text table: what a run ends with on stdout.</summary>
internal static class FrontierTable
{
    /// <summary>One line a policy: name, β, reward and both KL estimates with 95 % intervals.</summary>
    public static string Format(IReadOnlyList<PolicySummary> policies)
    {
        string[][] rows =
        [
            ["policy", "beta", "reward [95 %]", "kl/seq_exact [95 %]", "kl/seq_k1 [95 %]", "prompts x samples"],
            .. policies.Select(p =>
                (string[])
                    [
                        p.Name,
                        p.Beta is { } beta ? Number(beta, "0.###") : "-",
                        Cell(p.RewardMean, p.RewardCi, "0.000"),
                        Cell(p.KlSeqExact, p.KlSeqExactCi, "0.00"),
                        Cell(p.KlSeqK1, p.KlSeqK1Ci, "0.00"),
                        $"{p.Prompts} x {p.Samples / p.Prompts}",
                    ]
            ),
        ];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        StringBuilder text = new();
        foreach (string[] row in rows)
        {
            text.AppendLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }

        return text.ToString();
    }

    private static string Cell(double mean, double[] interval, string format) =>
        $"{Number(mean, format)} [{Number(interval[0], format)}, {Number(interval[1], format)}]";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
