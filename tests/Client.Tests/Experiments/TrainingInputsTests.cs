using System.Text.Json.Nodes;
using Rudder.Client.Experiments;

namespace Rudder.Client.Tests.Experiments;

/// <summary>What a training is given and what it depends on: checkpoints, graphs, files of its recipe.</summary>
public sealed class TrainingInputsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("step-25", true)]
    [InlineData("step-25.tmp", false)]
    [InlineData("step-", false)]
    [InlineData("other", false)]
    public void HasCheckpoint_Folder_CountsOnlyCompleteSteps(string name, bool expected)
    {
        Directory.CreateDirectory(_folder.File("checkpoints", name));
        Assert.Equal(expected, TrainerProgram.HasCheckpoint(_folder.Path));
    }

    [Fact]
    public void AddGraphs_Precision_AsksForInt8OnlyWhereTheVariantLoadsIt()
    {
        Dictionary<string, JsonNode> int8 = new() { ["export.int8"] = false };
        Dictionary<string, JsonNode> fp32 = [];
        ModelStages.AddGraphs(int8, "int8");
        ModelStages.AddGraphs(fp32, "fp32");
        Assert.True(int8["export.int8"].GetValue<bool>());
        Assert.Empty(fp32);
    }

    [Theory]
    [InlineData("files.jsonl")]
    [InlineData("pairs.jsonl")]
    [InlineData("texts.jsonl")]
    [InlineData("ids.txt")]
    [InlineData("tokenizer/vocab.json")]
    public void RecipeFiles_ChangedContent_ChangesTheHashes(string changed)
    {
        string before = Hashes("one", changed);
        Assert.Equal(before, Hashes("one", changed));
        Assert.NotEqual(before, Hashes("two", changed));
    }

    [Fact]
    public void RecipeFiles_ValueOfTheVariant_TakesThePlaceOfTheRecipes()
    {
        JsonNode recipe = JsonNode.Parse("""{ "data": { "files": ["missing.jsonl"] } }""")!;
        JsonArray own = [_folder.Write("own.jsonl", "own")];
        JsonObject hashes = StageInputs.RecipeFiles(recipe, new Dictionary<string, JsonNode> { ["data.files"] = own });
        Assert.Equal(Client.Files.ContentHash.OfText("own"), hashes["data.files"]![0]!.ToString());
        Assert.Null(hashes["tokenizer"]);
    }

    /// <summary>Hashes of a recipe of which one file holds the text.</summary>
    private string Hashes(string text, string changed)
    {
        string[] names = ["files.jsonl", "pairs.jsonl", "texts.jsonl", "ids.txt", "tokenizer/vocab.json"];
        string[] paths = [.. names.Select(name => _folder.Write(name, name == changed ? text : "same"))];
        JsonObject recipe = new()
        {
            ["tokenizer"] = Path.GetDirectoryName(paths[4]),
            ["data"] = new JsonObject
            {
                ["files"] = new JsonArray(paths[0]),
                ["exclude_pairs"] = new JsonArray(paths[1]),
                ["exclude_texts"] = new JsonArray(paths[2]),
                ["exclude_ids"] = paths[3],
            },
        };
        return StageInputs.RecipeFiles(recipe, new Dictionary<string, JsonNode>()).ToJsonString();
    }
}
