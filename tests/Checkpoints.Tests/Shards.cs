using System.Text.Json;

namespace Rudder.Checkpoints.Tests;

/// <summary>The tiny GPT-2 spread over two files and an index.</summary>
internal static class Shards
{
    public const string First = "model-00001-of-00002.safetensors";
    public const string Second = "model-00002-of-00002.safetensors";

    /// <summary>Writes both files and the index, in which a tensor's file may be falsified.</summary>
    public static void Write(string folder, Func<string, string, string>? falsify = null)
    {
        using var weights = Weights.Open(Fixtures.Gpt2);
        var all = weights.Tensors.Select(t => (t.Name, t.Shape, (ReadOnlyMemory<float>)weights.ReadFloat32(t.Name))).ToList();
        SafetensorsWriter.Write(Path.Combine(folder, First), all[..10], WeightType.F32);
        SafetensorsWriter.Write(Path.Combine(folder, Second), all[10..], WeightType.F32);
        var map = all.Select((t, i) => (t.Name, File: i < 10 ? First : Second))
            .ToDictionary(t => t.Name, t => falsify?.Invoke(t.Name, t.File) ?? t.File);
        File.WriteAllText(
            Path.Combine(folder, "model.safetensors.index.json"),
            JsonSerializer.Serialize(new { metadata = new { total_size = 177_408 }, weight_map = map }));
    }
}
