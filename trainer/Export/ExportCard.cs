using System.Globalization;
using System.Text;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>Updates the model card's section about the graphs. The rest of the card stays unchanged.</summary>
internal static class ExportCard
{
    private const string Heading = "## ONNX graphs\n";

    /// <summary>Replaces the section, or adds it at the end. A folder without a card gets none.</summary>
    public static void Update(string modelFolder, ExportReport report)
    {
        string path = Path.Combine(modelFolder, ModelFiles.Card);
        if (File.Exists(path))
        {
            AtomicFile.WriteText(path, Updated(File.ReadAllText(path), report));
        }
    }

    /// <summary>The card's text with the section.</summary>
    internal static string Updated(string card, ExportReport report)
    {
        int start = card.IndexOf(Heading, StringComparison.Ordinal);
        if (start < 0)
        {
            return $"{card.TrimEnd('\n')}\n\n{Section(report)}";
        }

        int end = card.IndexOf("\n## ", start + Heading.Length, StringComparison.Ordinal);
        return card[..start] + Section(report) + (end < 0 ? "" : card[end..]);
    }

    private static string Section(ExportReport report)
    {
        var text = new StringBuilder(Heading);
        text.Append("Compared with the TorchSharp model on the same tokens; KL and differences in nats.\n\n");
        text.Append("| graph | precision | positions | max abs Δ log-prob | mean abs Δ token log-prob | mean KL | mean KL, bfloat16 cache | limit |\n|---|---|---|---|---|---|---|---|\n");
        foreach ((string name, GraphReport graph) in report.Graphs)
        {
            string limit = graph.MeanKl is null ? $"max {Number(graph.Limit)}" : $"KL {Number(graph.Limit)}";
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {graph.Precision} | {graph.Positions} | {Number(graph.MaxAbsDiff)} | {Number(graph.MeanTokenDiff)} | {Number(graph.MeanKl)} | {Number(graph.MeanKlBf16Cache)} | {limit} |\n");
        }

        return text.ToString();
    }

    private static string Number(double? value) => value?.ToString("0.##e+0", CultureInfo.InvariantCulture) ?? "–";
}
