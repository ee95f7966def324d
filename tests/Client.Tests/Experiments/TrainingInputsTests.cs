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
    [InlineData("ids.txt")]
    [InlineData("tokenizer/vocab.json")]
    [InlineData("reward/config.json")]
    public void Contents_ChangedFileOfARecipe_ChangesTheHashes(string changed)
    {
        string before = Hashes("one", changed);
        Assert.Equal(before, Hashes("one", changed));
        Assert.NotEqual(before, Hashes("two", changed));
    }

    [Fact]
    public void Contents_PathGivenTwice_IsHashedOnce()
    {
        string path = _folder.Write("a.txt", "a");
        Assert.Single(new StageInputs().Contents([path, path]));
    }

    [Fact]
    public void Files_ValueOfTheVariant_TakesThePlaceOfTheRecipes()
    {
        var recipe = (JsonObject)JsonNode.Parse("""{ "data": { "files": ["a.jsonl"] }, "model": "b", "name": "c" }""")!;
        JsonArray own = ["own.jsonl"];
        JsonObject changed = RecipeValues.With(recipe, new Dictionary<string, JsonNode> { ["data.files"] = own, ["export.int8"] = true });
        Assert.Equal(["own.jsonl", "b"], RecipeValues.Files(changed));
        Assert.True(changed["export"]!["int8"]!.GetValue<bool>());
        Assert.Equal("a.jsonl", recipe["data"]!["files"]![0]!.ToString()); // the recipe itself stays
    }

    [Fact]
    public void Files_ModelOfAServiceReward_IsNoFolder()
    {
        JsonNode recipe = JsonNode.Parse(
            """{ "rewards": [{ "kind": "classifier", "model": "models/a" }, { "kind": "service", "model": "b", "url": "http://x/y" }] }""")!;
        Assert.Equal(["models/a"], RecipeValues.Files(recipe));
    }

    [Fact]
    public void Fill_NamesInBraces_AreReplacedAtEveryDepth()
    {
        JsonNode value = JsonNode.Parse("""[{ "model": "{reward}", "pattern": "a{2}", "weight": 2 }, "{unknown}", null]""")!;
        Assert.Equal(["reward", "unknown"], RecipeValues.Placeholders(value));
        JsonNode filled = RecipeValues.Fill(value, new Dictionary<string, string> { ["reward"] = "runs/r/model" });
        Assert.Equal("""[{"model":"runs/r/model","pattern":"a{2}","weight":2},"{unknown}",null]""", filled.ToJsonString());
    }

    /// <summary>Hashes of the contents of a recipe of which one file holds the text.</summary>
    private string Hashes(string text, string changed)
    {
        string[] names = ["files.jsonl", "pairs.jsonl", "ids.txt", "tokenizer/vocab.json", "reward/config.json"];
        string[] paths = [.. names.Select(name => _folder.Write(name, name == changed ? text : "same"))];
        JsonObject recipe = new()
        {
            ["tokenizer"] = Path.GetDirectoryName(paths[3]),
            ["data"] = new JsonObject
            {
                ["files"] = new JsonArray(paths[0]),
                ["exclude_pairs"] = new JsonArray(paths[1]),
                ["exclude_ids"] = paths[2],
            },
            ["rewards"] = new JsonArray(new JsonObject { ["kind"] = "classifier", ["model"] = Path.GetDirectoryName(paths[4]) }),
        };
        return new StageInputs().Contents(RecipeValues.Files(recipe)).ToJsonString();
    }
}
