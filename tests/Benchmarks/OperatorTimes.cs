using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Benchmarks;

/// <summary>Reads ONNX Runtime's profile of a session: share and milliseconds of each operator.</summary>
internal static class OperatorTimes
{
    /// <summary>Name of the column with the milliseconds of one run.</summary>
    public const string Milliseconds = "ms a step";

    private const int Most = 14;                             // rows at most; the rest is too small to matter

    /// <summary>Makes a session record its runs.</summary>
    public static void Record(SessionOptions options)
    {
        options.EnableProfiling = true;
        options.ProfileOutputPathPrefix = Path.Combine(Path.GetTempPath(), $"rudder-profile-{Environment.ProcessId}-{Guid.NewGuid():N}");
    }

    /// <summary>Reads the profile and deletes its file.</summary>
    /// <param name="file">Path that <see cref="InferenceSession.EndProfiling"/> returns.</param>
    /// <param name="name">Prefix of every operator's name.</param>
    /// <param name="warm">Number of warm-up runs, which do not count.</param>
    /// <param name="counted">Number of runs after them. All runs execute the same operators equally often.</param>
    /// <param name="vocabulary">Vocabulary size: an operator with rows of this width gets its own line. 0 is none.</param>
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

    // The file is one JSON array of trace events. Node events hold the operator's name and its microseconds.
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
