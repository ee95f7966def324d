using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Rudder.Benchmarks;

/// <summary>The result of one benchmark, as JSON and as a Markdown table.</summary>
/// <param name="Name">The benchmark's name.</param>
/// <param name="Ratios">
/// Figures without a unit, for example how many times faster. NaN where this machine cannot measure one: null in the file.
/// </param>
/// <param name="Rows">Measured rows: a label and a figure per column.</param>
/// <param name="Settings">Settings that are needed to run the benchmark again.</param>
internal sealed record BenchmarkResult(
    string Name,
    IReadOnlyDictionary<string, double> Ratios,
    IReadOnlyList<BenchmarkRow> Rows,
    IReadOnlyDictionary<string, object> Settings)
{
    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Writes the JSON file and creates its folder if needed.</summary>
    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var ratios = Ratios.ToDictionary(ratio => ratio.Key, ratio => double.IsNaN(ratio.Value) ? (double?)null : ratio.Value);
        File.WriteAllText(path, JsonSerializer.Serialize(new { Name, Ratios = ratios, Rows, Settings, Machine = MachineText() }, Format) + "\n");
    }

    /// <summary>Returns the result as a Markdown table.</summary>
    public string ToMarkdown()
    {
        string[] columns = [.. Rows.SelectMany(r => r.Figures.Keys).Distinct()];
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"| {Name} | {string.Join(" | ", columns)} |");
        text.AppendLine(CultureInfo.InvariantCulture, $"|---|{string.Concat(columns.Select(_ => "---:|"))}");
        foreach (BenchmarkRow row in Rows)
        {
            string cells = string.Join(" | ", columns.Select(c => row.Figures.TryGetValue(c, out double v) ? v.ToString("#,0.###", CultureInfo.InvariantCulture) : ""));
            text.AppendLine(CultureInfo.InvariantCulture, $"| {row.Label} | {cells} |");
        }

        text.AppendLine();
        foreach ((string name, double ratio) in Ratios)
        {
            string figure = double.IsNaN(ratio) ? "not measured on this machine" : ratio.ToString("**0.00x**", CultureInfo.InvariantCulture);
            text.Append(name).Append(": ").AppendLine(figure);
        }

        text.AppendLine();
        text.AppendLine(string.Join(", ", Settings.Select(s => $"{s.Key} {s.Value}")));
        return text.Append(MachineText()).ToString();
    }

    private static string MachineText()
    {
        string? model = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        return $"{Environment.ProcessorCount} cores {model ?? RuntimeInformation.ProcessArchitecture.ToString()}, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
    }
}

/// <summary>One measured row.</summary>
/// <param name="Label">What was measured.</param>
/// <param name="Figures">Column name to figure.</param>
internal sealed record BenchmarkRow(string Label, IReadOnlyDictionary<string, double> Figures);
