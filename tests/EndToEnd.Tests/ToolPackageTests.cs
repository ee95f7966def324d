using System.Diagnostics;
using System.Text.Json;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>The programs as dotnet tools: packed from this build, installed from a folder of packages, run without a checkout's outputs.</summary>
public sealed class ToolPackageTests : IDisposable
{
    private const long MaxPackageBytes = 500L << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private static readonly string[] Projects = ["trainer", "inference-service", "client"];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rudder-tools-");

    [Fact]
    public async Task Install_FromALocalFeed_RunsTheDemo()
    {
        string feed = Path.Combine(_folder.FullName, "feed");
        string tools = Path.Combine(_folder.FullName, "tools");
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        foreach (string project in Projects)
        {
            await RunAsync("dotnet", SharedFolder.Root, "pack", project, "--no-build", "--configuration", configuration, "--output", feed);
        }

        string[] packages = Directory.GetFiles(feed, "*.nupkg");
        Assert.Equal(Projects.Length, packages.Length);
        Assert.All(packages, package => Assert.InRange(new FileInfo(package).Length, 1, MaxPackageBytes));
        foreach (string id in new[] { "Rudder.Trainer", "Rudder.InferenceService", "Rudder.Client" })
        {
            await RunAsync("dotnet", _folder.FullName, "tool", "install", id, "--tool-path", tools, "--source", feed);
        }

        string runs = Path.Combine(_folder.FullName, "runs");
        string client = Path.Combine(tools, OperatingSystem.IsWindows() ? "client.exe" : "client");
        await RunAsync(client, SharedFolder.Root, "run", "experiments/imdb-dpo/experiment.json", "--variant", "demo", "--runs", runs);

        using var summary = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(runs, "imdb-dpo-demo", "summary.json")));
        Assert.NotEmpty(summary.RootElement.EnumerateObject());
        Assert.True(new FileInfo(Path.Combine(runs, "imdb-dpo-demo", "report.html")).Length > 0);

        // The tool at work was the installed one, with the licences of what it carries.
        Assert.NotEmpty(Directory.GetFiles(tools, "LICENSE", SearchOption.AllDirectories));
        Assert.NotEmpty(Directory.GetDirectories(tools, "licenses", SearchOption.AllDirectories));

        async Task RunAsync(string program, string folder, params string[] arguments)
        {
            var start = ProgramStart.Info(program, arguments);
            start.WorkingDirectory = folder;
            start.Environment["PATH"] = tools + Path.PathSeparator + start.Environment["PATH"];
            using var process = Process.Start(start)!;
            var (code, output, error) = await ProgramEnd.OfAsync(process, Limit);
            Assert.True(code == 0, $"{program} {string.Join(' ', arguments)} exited with {code}: {output}{error}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);
}
