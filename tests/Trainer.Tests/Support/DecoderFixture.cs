using System.Text.Json;
using Rudder.Tests;

namespace Rudder.Trainer.Tests;

/// <summary>A decoder of ../shared/fixtures with the numbers that Hugging Face's code gives for it. Tests skip where it is absent.</summary>
/// <param name="name">Folder of the fixture.</param>
internal sealed class DecoderFixture(string name)
{
    /// <summary>Ids of the vocabulary.</summary>
    public const int Vocabulary = 512;

    /// <summary>Folder of the fixture.</summary>
    public string Name => name;

    /// <summary>Where it lies.</summary>
    public string Folder { get; } = SharedFolder.Require(["fixtures", .. name.Split('/')]);

    /// <summary>The prompts.</summary>
    public int[][] Rows => FixtureFiles.Rows(Expected.GetProperty("input_ids"));

    /// <summary>Logits after the last token of every prompt. [B][V]</summary>
    public double[][] LastLogits => Expected.GetProperty("logits_last_position").Deserialize<double[][]>()!;

    /// <summary>Twelve greedy tokens after every prompt.</summary>
    public int[][] Greedy => FixtureFiles.Rows(Expected.GetProperty("greedy_continuations"));

    /// <summary>expected.json.</summary>
    public JsonElement Expected => Json("expected.json");

    /// <summary>A JSON file of the fixture.</summary>
    public JsonElement Json(string file) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, file))).RootElement;

    /// <summary>Copies config and weights.</summary>
    /// <param name="target">Created if absent.</param>
    /// <param name="config">Which of the fixture's configs becomes config.json.</param>
    public string Copy(string target, string config = "config.json")
    {
        Directory.CreateDirectory(target);
        File.Copy(Path.Combine(Folder, config), Path.Combine(target, "config.json"));
        File.Copy(Path.Combine(Folder, "model.safetensors"), Path.Combine(target, "model.safetensors"));
        return target;
    }
}
