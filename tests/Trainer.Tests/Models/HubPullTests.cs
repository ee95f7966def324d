using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Tests;
using Rudder.Trainer.Tests.Data;

namespace Rudder.Trainer.Tests.Models;

/// <summary><c>trainer models pull</c> and recipes that name a model on a hub, through the program's own entry.</summary>
public sealed class HubPullTests : IDisposable
{
    private static readonly string Tiny = Path.Combine(SharedFolder.Root, "tests", "Fixtures", "tiny-gpt2");
    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub = new(Directory.GetFiles(Tiny).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes));
    private readonly (string Name, string? Before)[] _variables =
        [.. new[] { "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE" }.Select(name => (name, Environment.GetEnvironmentVariable(name)))];

    public HubPullTests()
    {
        Array.ForEach(_variables, variable => Environment.SetEnvironmentVariable(variable.Name, null));
        Environment.SetEnvironmentVariable("HF_ENDPOINT", _hub.Address);
        Environment.SetEnvironmentVariable("HF_HOME", _folder.Path);
    }

    public void Dispose()
    {
        Array.ForEach(_variables, variable => Environment.SetEnvironmentVariable(variable.Name, variable.Before));
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Pull_Model_PrintsAFolderThatLoads()
    {
        (int code, string output, string error) = Run("models", "pull", "org/tiny");
        Assert.True(code == 0, error);
        string folder = output.Trim();
        Assert.Equal(Path.Combine(_folder.Path, "hub", "models--org--tiny", "snapshots", FakeHub.Commit), folder);
        Assert.Equal("gpt2", ModelConfig.Load(folder).ModelType);
        Assert.Equal(Fingerprint.OfFolder(Tiny), Fingerprint.OfFolder(folder));

        JsonElement json = JsonDocument.Parse(Run("models", "pull", "org/tiny", "--json").Output).RootElement;
        Assert.Equal((FakeHub.Commit, folder, 0), (json.GetProperty("commit").GetString(), json.GetProperty("folder").GetString(), json.GetProperty("fetched_bytes").GetInt64()));
    }

    [Theory]
    [InlineData("org/missing", 2)]
    [InlineData("../tiny", 2)]
    public void Pull_NoSuchModel_IsBadInput(string name, int code)
    {
        _hub.Before = (_, context) => FakeHub.Status(context, 404);
        Assert.Equal(code, Run("models", "pull", name).Code);
    }

    [Fact]
    public void Recipe_NameOnAHub_TrainsThatModelAndTheCardNamesIt()
    {
        (int code, _, string error) = Run("dpo", "--recipe", Recipe("org/tiny"), "--output", _folder.File("run"));
        Assert.True(code == 0, error);
        Assert.Contains($"starts from `org/tiny@{FakeHub.Commit}`", File.ReadAllText(Path.Combine(_folder.File("run"), "model", "README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Recipe_NeitherFolderNorModel_SaysBoth()
    {
        _hub.Before = (_, context) => FakeHub.Status(context, 404);
        (int code, _, string error) = Run("dpo", "--recipe", Recipe("runs/no-such-run"), "--output", _folder.File("run"));
        Assert.Equal(2, code);
        Assert.Contains("no such folder", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("run")));
    }

    [Fact]
    public void Recipe_FolderOfThatName_WinsOverTheHub()
    {
        string before = Directory.GetCurrentDirectory();
        Directory.CreateDirectory(_folder.File("org/tiny"));
        Array.ForEach(Directory.GetFiles(Tiny), file => File.Copy(file, Path.Combine(_folder.File("org/tiny"), Path.GetFileName(file))));
        try
        {
            Directory.SetCurrentDirectory(_folder.Path);
            (int code, _, string error) = Run("dpo", "--recipe", Recipe("org/tiny"), "--output", _folder.File("run"));
            Assert.True(code == 0, error);
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }

        Assert.Empty(_hub.Requests);
    }

    private string Recipe(string model)
    {
        string pairs = _folder.File("pairs.jsonl");
        PreferencePairs.Write(pairs, SamplePairs.Random(4, 3, seed: 21));
        File.WriteAllText(_folder.File("dpo.json"), $$"""
            {"model": "{{model}}", "pairs": "{{pairs}}", "threads": 1, "batch": {"groups": 4}, "export": {"fp32": false} }
            """);
        return _folder.File("dpo.json");
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        TextWriter before = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        try
        {
            (int code, string error) = TrainerProgram.Run(arguments);
            return (code, output.ToString(), error);
        }
        finally
        {
            Console.SetOut(before);
        }
    }
}
