using System.Text.Json;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Tests.Support;

/// <summary>A copy of a tiny fixture model with its graphs and their export record, in a folder of its own that a test may damage.</summary>
public sealed class TinyModel : IDisposable
{
    /// <summary>Copies a fixture.</summary>
    /// <param name="name">Its folder name.</param>
    public TinyModel(string name)
    {
        Folder = Directory.CreateTempSubdirectory("rudder-tiny-").FullName;
        ModelCopies.Plain(name, Folder);
    }

    /// <summary>The model folder.</summary>
    public string Folder { get; }

    /// <summary>Path of a file below <c>onnx</c>.</summary>
    public string Graph(string name) => Path.Combine(Folder, "onnx", name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    internal GraphFolder Open() => GraphFolder.Open(Folder);

    /// <summary>Makes another model of it: every fp32 weight times a factor, with a fresh export record.</summary>
    public void ScaleWeights(float factor)
    {
        ModelCopies.Scale(Graph("model.onnx_data"), 0, factor);
        Seal();
    }

    /// <summary>Makes a fresh export record for the graphs as they are now.</summary>
    public void Seal() => ModelCopies.Sealed(Folder);

    /// <summary>The fixture's expected values.</summary>
    public static JsonElement Expected(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(ModelCopies.Fixture(name), "expected.json")));
        return json.RootElement.Clone();
    }

    /// <summary>The first five ids of every fixture prompt and the 20 that greedy decoding adds.</summary>
    public static IReadOnlyList<(int[] Prompt, int[] Greedy)> GreedyCases()
    {
        var expected = Expected("tiny-gpt2");
        var prompts = expected.GetProperty("input_ids").EnumerateArray();
        var greedy = expected.GetProperty("greedy_from_first_5_plus_20").EnumerateArray();
        return [.. prompts.Zip(greedy, (prompt, whole) => (Ids(prompt)[..5], Ids(whole)[^20..]))];
    }

    /// <summary>A JSON array of ids.</summary>
    public static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
