using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>A tokenizer of 256 bytes, the merge "a b" and the end of text.</summary>
internal static class TinyTokenizer
{
    public static TemporaryFolder Write()
    {
        var folder = new TemporaryFolder();
        BpeTraining.Train(["ab", "ab"], 258, [], folder.Path, TokenizerFamily.Gpt2);
        return folder;
    }

    /// <summary>Changes its tokenizer.json.</summary>
    public static void Change(TemporaryFolder folder, Action<JsonNode> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(folder.File("tokenizer.json")))!;
        change(json);
        File.WriteAllText(folder.File("tokenizer.json"), json.ToJsonString());
    }
}
