using System.Diagnostics;
using Rudder.Tests;

namespace Rudder.Build.Tests;

public class BuildScriptTests
{
    [Theory]
    [InlineData("build.sh")]
    [InlineData("build.ps1")]
    public void Scripts_Lines_OnlyForward(string name)
    {
        string[] lines = File.ReadAllLines(Path.Combine(SharedFolder.Root, name));

        Assert.InRange(lines.Length, 2, 6);
        Assert.Contains(lines, line => line.Contains("dotnet run --project"));
    }

    [Fact]
    public async Task BuildProgram_WithoutWords_PrintsItsTargets()
    {
        var (code, output) = await RunAsync();

        Assert.Equal(0, code);
        Assert.All(["demo ", "test ", "build ", "bench <NAME>", "soak <NAME>", "--accelerator"], target => Assert.Contains("  " + target, output));
    }

    [Theory]
    [InlineData("'fly'", "fly")]
    [InlineData("'tpu' not recognized", "test", "--accelerator", "tpu")]
    [InlineData("'--fast'", "test", "--fast")]
    [InlineData("'bench'", "bench")]
    public async Task BuildProgram_WrongWords_ExitWithUsageAndAreNamed(string named, params string[] words)
    {
        var (code, output) = await RunAsync(words);

        Assert.Equal(1, code);
        Assert.Contains(named, output);
    }

    private static async Task<(int Code, string Output)> RunAsync(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Targets).Assembly.Location, .. words])
        {
            WorkingDirectory = Path.GetTempPath(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (code, output, error) = await ProgramEnd.OfAsync(process);
        return (code, output + error);
    }
}
