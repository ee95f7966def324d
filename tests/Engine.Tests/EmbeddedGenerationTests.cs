using System.Diagnostics;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Engine.Tests;

/// <summary>The sample program, as its readers run it.</summary>
public sealed class EmbeddedGenerationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-sample-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Sample_TwoModelsAndAPrompt_CompletesStreamsAndClassifies()
    {
        string policy = ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, "policy"), TokenizerFamily.Gpt2);
        string reward = ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, "reward"), TokenizerFamily.Roberta);

        var (code, output, error) = await RunAsync(policy, reward, "The model");

        Assert.True(code == 0, error);
        string completion = output.Split("completion: ")[1].Split("\nstream: ")[0];
        Assert.StartsWith(completion, output.Split("stream: ")[1]);
        Assert.Matches(@"NEGATIVE: 0\.\d{3}, POSITIVE: 0\.\d{3}", output);
    }

    [Fact]
    public async Task Sample_NoArguments_ShowsItsUsage()
    {
        var (code, _, error) = await RunAsync();

        Assert.Equal(1, code);
        Assert.StartsWith("usage:", error);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "EmbeddedGeneration", configuration, "EmbeddedGeneration.dll"));
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        return await ProgramEnd.OfAsync(process);
    }
}
