using System.Text.Json;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

public sealed class TokenizerTrainingTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Run_StopAskedFor_ThrowsAndLeavesNothingUnderAFinalName()
    {
        RunRequest request = _world.Request("run", stopAfterOneStep: true) with { Command = "tokenizer" };
        InterruptedException error = Assert.Throws<InterruptedException>(() => Run(request));
        Assert.Contains($"trainer tokenizer --resume {_world.File("run")}", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("run/model")));
        Assert.False(File.Exists(_world.File("run/done.json")));

        Run(request with { Output = null, Resume = _world.File("run"), Stop = CancellationToken.None });
        Assert.True(File.Exists(_world.File("run/model/tokenizer.json")));
    }

    [Fact]
    public void Run_Json_PrintsTheFinalMetricsAsOneLine()
    {
        using var results = new StringWriter();
        Run(_world.Request("run") with { Json = true, Results = results });
        string line = Assert.Single(results.ToString().TrimEnd('\n').Split('\n'));
        Assert.Equal(280, JsonDocument.Parse(line).RootElement.GetProperty("vocabulary_size").GetInt32());
    }

    private void Run(RunRequest request)
    {
        TokenizerRecipe recipe = RecipeReader.Parse<TokenizerRecipe>(
            $$"""{"vocabulary_size": 280, "data": {"files": ["{{_world.Reviews}}"] } }""", "tiny.json", []);
        using var run = RunFolder.Open(request, "tiny", recipe.Seed);
        TokenizerTraining.Run(recipe, run, request);
    }
}
