using System.CommandLine;
using Rudder.Client.Commands;

namespace Rudder.Client.Tests.Commands;

/// <summary>What Ctrl-C promises is true of the command.</summary>
public sealed class InterruptionTests
{
    private const string Evaluate = "evaluate --service http://127.0.0.1:9 --policy a --reference b --classifier c --prompts x --output y";
    private const string Pairs = "pairs --service http://127.0.0.1:9 --policy a --classifier c --prompts x --output y";

    [Theory]
    [InlineData(Pairs, true)]
    [InlineData(Evaluate, true)]
    [InlineData("run x.json --variant mini", true)]
    [InlineData("run x.json --variant mini --from dpo", false)]
    [InlineData("run x.json --variant mini --only dpo", false)]
    [InlineData("report runs/x --pdf x.pdf", false)]
    [InlineData("forecast x.csv", false)]
    [InlineData("bench --service http://127.0.0.1:9 --model m", false)]
    public void AfterInterruption_Command_ContinuesOnlyWhereItKeepsItsWork(string arguments, bool continues)
    {
        ParseResult parsed = Root().Parse(arguments);
        Assert.Empty(parsed.Errors);
        string said = ((ClientCommand)parsed.CommandResult.Command).AfterInterruption(parsed);
        Assert.Equal(continues, said.StartsWith("the same command continues", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Invoke_Interrupted_ExitsWithItsCodeAndSaysWhatFollows()
    {
        using TemporaryFolder folder = new();
        string prompts = folder.Write("p.jsonl", """{"id":"a","text":"b"}""");
        using StringWriter error = new();
        string arguments = Pairs.Replace("--prompts x --output y", $"--prompts {prompts} --output {folder.File("o")}", StringComparison.Ordinal);
        int exit = await Root()
            .Parse(arguments)
            .InvokeAsync(new InvocationConfiguration { Error = error }, new CancellationToken(canceled: true));
        Assert.Equal(ExitCodes.Interrupted, exit);
        Assert.Contains("interrupted; the same command continues", error.ToString(), StringComparison.Ordinal);
    }

    private static RootCommand Root() =>
        [new PairsCommand(), new EvaluateCommand(), new BenchCommand(), new RunCommand(), new ReportCommand(), new ForecastCommand()];
}
