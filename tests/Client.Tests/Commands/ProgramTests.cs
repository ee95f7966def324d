using System.Diagnostics;
using Rudder.Tests;

namespace Rudder.Client.Tests.Commands;

/// <summary>The program from outside: exit codes, help, errors on stderr.</summary>
public sealed class ProgramTests
{
    private const string Bench = "bench --service http://127.0.0.1:9 --model m ";

    [Theory]
    [InlineData("", 1, "Required command")]
    [InlineData("pairs --bar", 1, "--bar")]
    [InlineData("evaluate --service ftp://x --policy a --reference b --classifier c --prompts x --output y", 1, "http://127.0.0.1:5080")]
    [InlineData("pairs --service http://127.0.0.1:9 --policy a --classifier c --output y", 1, "--prompts FILE")]
    [InlineData("run nowhere.json --variant demo", 2, "nowhere.json does not exist")]
    [InlineData("report nowhere", 2, "summary.json")]
    [InlineData("report nowhere --browser chromium", 1, "--pdf FILE.pdf")]
    [InlineData("report nowhere --pdf a.pdf --browser no-such-browser", 2, "--browser is 'no-such-browser'")]
    [InlineData("report nowhere --pdf a.html --output a.html", 2, "--pdf and --output")]
    [InlineData("report nowhere --pdf /", 2, "--pdf is '/'")]
    [InlineData("pairs --service http://127.0.0.1:9 --policy a --classifier c --prompts x --output y --deadline 0", 2, "deadline is 0")]
    [InlineData("pairs --service http://127.0.0.1:9 --policy a --classifier c --prompts nowhere --output y", 2, "nowhere does not exist")]
    [InlineData("pairs --servce http://127.0.0.1:9", 1, "--service")]
    [InlineData("evalute", 1, "evaluate")]
    [InlineData("run nowhere.json", 1, "--variant")]
    [InlineData("run nowhere.json --variant demo --from a --only b", 1, "--from STAGE and --only STAGE")]
    [InlineData("run nowhere.json --plan", 2, "nowhere.json does not exist")]
    [InlineData("forecast nowhere.csv", 2, "nowhere.csv does not exist")]
    [InlineData(Bench + "--in-flight 2 --rate 1", 1, "--in-flight and --rate exclude each other")]
    [InlineData(Bench + "--count 2 --duration 1", 1, "--count and --duration exclude each other")]
    [InlineData(Bench + "--prompts x --prompt-tokens 4", 1, "--prompts and --prompt-tokens exclude each other")]
    [InlineData(Bench + "--count 0", 1, "--count is '0'")]
    [InlineData(Bench + "--rates 1,x", 1, "--rate is '1,x'")]
    [InlineData(Bench + "--rates NaN", 1, "--rate is 'NaN'")]
    [InlineData(Bench + "--max-new-tokens 9-3", 1, "--max-new-tokens is '9-3'")]
    [InlineData(Bench + "--slo-ttft 0", 1, "--slo-ttft is '0'")]
    [InlineData(Bench + "--samples 65", 1, "1 to 64")]
    [InlineData(Bench + "--api rest", 1, "openai")]
    [InlineData(Bench + "--prompts nowhere", 2, "nowhere")]
    [InlineData(Bench + "--count 1", 3, "UNAVAILABLE")]
    [InlineData(Bench + "--count 1 --api openai", 3, "ConnectionError")]
    public async Task Main_WrongUse_ExitsWithItsCodeAndSaysWhy(string arguments, int code, string said)
    {
        (int exit, _, string error) = await RunAsync(arguments);
        Assert.Equal(code, exit);
        Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("pairs --help")]
    [InlineData("evaluate --help")]
    [InlineData("bench --help")]
    [InlineData("run --help")]
    [InlineData("report --help")]
    [InlineData("forecast --help")]
    public async Task Main_Help_ShowsAnExample(string arguments)
    {
        (int exit, string output, _) = await RunAsync(arguments);
        Assert.Equal(0, exit);
        Assert.Contains("Example", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Main_ServiceAway_ExitsWithFailed()
    {
        using TemporaryFolder folder = new();
        string prompts = folder.Write("p.jsonl", """{"id":"a","text":"b"}""");
        (int exit, _, string error) = await RunAsync(
            $"pairs --service http://127.0.0.1:9 --policy a --classifier c --prompts {prompts} --output {folder.File("o")} --retries 0"
        );
        Assert.Equal(3, exit);
        Assert.Contains("UNAVAILABLE", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 3)]
    [InlineData("--variant mini", 1)]
    public async Task Main_Plan_ShowsTheVariantsAndStartsNothing(string variant, int variants)
    {
        using TemporaryFolder folder = new();
        string file = Path.Combine(SharedFolder.Root, "experiments", "imdb-dpo", "experiment.json");
        (int exit, string output, _) = await RunAsync($"run {file} --plan {variant} --runs {folder.File("runs")}");
        Assert.Equal(0, exit);
        Assert.Equal(variants, output.Split("variant ").Length - 1);
        Assert.Contains("never run", output, StringComparison.Ordinal);
        Assert.Contains("missing: ", output, StringComparison.Ordinal); // the tests' folder holds no recipes
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Main_ForecastAsJson_WritesScoresAndPage()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("f.csv", "probability,outcome\n0.9,1\n0.2,0\n0,1\n");
        string page = folder.File("page.html");
        (int exit, string output, string error) = await RunAsync($"forecast {file} --json --output {page}");
        Assert.Equal(0, exit);
        System.Text.Json.Nodes.JsonNode json = System.Text.Json.Nodes.JsonNode.Parse(output)!;
        Assert.Equal(2.0 / 3, json["accuracy"]!.GetValue<double>(), 12);
        Assert.Equal(1, json["log_loss_clipped"]!.GetValue<int>());
        Assert.Contains("warning: 1 forecasts", error, StringComparison.Ordinal);
        Assert.True(File.Exists(page));
    }

    /// <summary>The built program itself: the copy beside the tests lacks what ASP.NET brings along there.</summary>
    private static string ClientProgram { get; } =
        Path.GetFullPath(
            Path.Combine(
                AppContext.BaseDirectory,
                "..",
                "..",
                "Client",
                Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)),
                "client.dll"
            )
        );

    private static async Task<(int Exit, string Output, string Error)> RunAsync(string arguments)
    {
        ProcessStartInfo start = new("dotnet", [ClientProgram, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        return await ProgramEnd.OfAsync(process);
    }
}
