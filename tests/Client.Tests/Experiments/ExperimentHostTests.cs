using Rudder.Client.Experiments;

namespace Rudder.Client.Tests.Experiments;

/// <summary>The command that repeats a run, and who may hold its folder.</summary>
public sealed class ExperimentHostTests : IDisposable
{
    private const string Program = "dotnet run --project client --";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reproduce_Defaults_IsTheBuiltProgram()
    {
        ExperimentRequest request = new("e.json", "demo", "runs", null, null, null, null);
        Assert.Equal($"{Program} run e.json --variant demo", ExperimentHost.Reproduce(request));
    }

    [Fact]
    public void Reproduce_OptionsThatWereGiven_AreGivenAgain()
    {
        ExperimentRequest request = new("e.json", "mini", "out", new Uri("http://127.0.0.1:5080"), null, null, "cuda");
        Assert.Equal(
            $"{Program} run e.json --variant mini --runs out --service http://127.0.0.1:5080 --device cuda",
            ExperimentHost.Reproduce(request)
        );
    }

    [Fact]
    public void Reproduce_InstalledTool_IsItsOwnCommand()
    {
        ExperimentRequest request = new("e.json", "demo", "runs", null, null, null, null);
        string store = Path.Combine("home", ".dotnet", "tools", ".store", "rudder.client", "0.1.0", "tools", "net10.0", "any");
        Assert.Equal("client run e.json --variant demo", ExperimentHost.Reproduce(request, store));
    }

    [Fact]
    public async Task Run_FolderHeldByAnotherRun_IsRefused()
    {
        Directory.CreateDirectory(_folder.File("example-demo"));
        using FileStream held = new(_folder.File("example-demo", ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(RunAsync);
        Assert.Contains("in use by another program", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_LockThatCannotBeOpened_IsNotCalledInUse()
    {
        Directory.CreateDirectory(_folder.File("example-demo"));
        File.CreateSymbolicLink(_folder.File("example-demo", ".lock"), _folder.File("example-demo", ".lock")); // a link to itself
        await Assert.ThrowsAnyAsync<IOException>(RunAsync);
    }

    private Task RunAsync()
    {
        string experiment = _folder.Write("experiment.json", ExperimentExample.Json().ToJsonString());
        ExperimentRequest request = new(experiment, "demo", _folder.Path, null, null, null, null);
        return ExperimentHost.RunAsync(
            request,
            new Display(TextWriter.Null, terminal: false, TimeProvider.System),
            TimeProvider.System,
            CancellationToken.None
        );
    }
}
