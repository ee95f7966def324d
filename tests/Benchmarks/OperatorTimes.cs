using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Benchmarks;

/// <summary>What ONNX Runtime's profiler recorded of a session's runs: share and milliseconds of each operator.</summary>
internal static class OperatorTimes
{
    /// <summary>Column of the milliseconds: of one run.</summary>
    public const string Milliseconds = "ms a step";

    private const int Most = 14;                             // rows; what comes after them does not count

    /// <summary>Has a session record its runs.</summary>
    public static void Record(SessionOptions options)
    {
        options.EnableProfiling = true;
        options.ProfileOutputPathPrefix = Path.Combine(Path.GetTempPath(), $"rudder-profile-{Environment.ProcessId}-{Guid.NewGuid():N}");
    }

    /// <summary>Reads what was recorded, and deletes the file.</summary>
    /// <param name="file">As <see cref="InferenceSession.EndProfiling"/> says it.</param>
    /// <param name="name">Stands before every operator's name.</param>
    /// <param name="warm">First runs, which are not counted.</param>
    /// <param name="counted">Runs after them; all have the same operators equally often.</param>
    /// <param name="vocabulary">An operator that makes rows of this many numbers is told apart; 0: none.</param>
    public static IReadOnlyList<BenchmarkRow> Read(string file, string name, int warm, int counted, int vocabulary = 0)
    {
        var nodes = Nodes(file, vocabulary).GroupBy(node => node.Operator, node => node.Milliseconds)
            .Select(node => (node.Key, Times: node.Skip(node.Count() * warm / (warm + counted)).ToArray())).ToArray();
        double sum = nodes.Sum(node => node.Times.Sum());
        File.Delete(file);
        return
        [
            .. nodes.OrderByDescending(node => node.Times.Sum()).Take(Most).Select(node => new BenchmarkRow(
                $"{name}, {node.Key} ({node.Times.Length / counted} a step)",
                new Dictionary<string, double> { [Milliseconds] = node.Times.Sum() / counted, ["share"] = node.Times.Sum() / sum })),
        ];
    }

    // One JSON array of trace events; node events carry the operator's name and microseconds.
    private static IEnumerable<(string Operator, double Milliseconds)> Nodes(string file, int vocabulary)
    {
        using var events = JsonDocument.Parse(File.ReadAllText(file));
        return [.. events.RootElement.EnumerateArray()
            .Where(item => item.GetProperty("cat").GetString() == "Node" && item.GetProperty("name").GetString()!.EndsWith("_kernel_time", StringComparison.Ordinal))
            .Select(item => (Label(item, vocabulary), item.GetProperty("dur").GetDouble() / 1e3))];
    }

    private static string Label(JsonElement item, int vocabulary)
    {
        var arguments = item.GetProperty("args");
        string name = arguments.GetProperty("op_name").GetString()!;
        bool isVocabulary = vocabulary > 0
            && arguments.TryGetProperty("output_type_shape", out var shapes)
            && shapes.ToString().Contains(vocabulary.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        return isVocabulary ? name + ", vocabulary" : name;
    }
}
