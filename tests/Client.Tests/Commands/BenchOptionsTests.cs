using System.CommandLine;
using Rudder.Client.Bench;
using Rudder.Client.Commands;

namespace Rudder.Client.Tests.Commands;

/// <summary>What the flags of <c>client bench</c> mean, defaults included.</summary>
public sealed class BenchOptionsTests
{
    [Fact]
    public void Read_NoFlags_HasTheDocumentedDefaults()
    {
        BenchPlan plan = Read("");
        Assert.Equal([new Load(8, null)], plan.Loads);
        LengthRange prompt = new(32, 32);
        LengthRange completion = new(64, 64);
        Assert.Equal(new BenchPlan(plan.Loads, null, null, prompt, null, completion, 1, 8, 100, null, null, null, 0), plan);
    }

    [Fact]
    public void Read_Lists_MeasureEachLoad()
    {
        Assert.Equal([new Load(1, null), new Load(4, null)], Read("--in-flight 1,4").Loads);
        Assert.Equal([new Load(null, 0.5), new Load(null, 8)], Read("--rates 0.5,8").Loads);
        Assert.Equal([new Load(null, 2)], Read("--rate 2").Loads);
    }

    [Fact]
    public void Read_AllOtherFlags_AreTaken()
    {
        BenchPlan plan = Read(
            "--prompt-tokens 2-6 --vocabulary 300 --max-new-tokens 4-12 --samples 2 --warm-up 0 "
            + "--duration 1.5 --slo-ttft 200 --slo-tpot 0.5 --seed 7");
        LengthRange prompt = new(2, 6);
        LengthRange completion = new(4, 12);
        Assert.Equal(new BenchPlan(plan.Loads, null, null, prompt, 300, completion, 2, 0, null, 1.5, 200, 0.5, 7), plan);
    }

    [Fact]
    public void Read_Prompts_ReplaceRandomIds()
    {
        using TemporaryFolder folder = new();
        BenchPlan plan = Read("--prompts " + folder.Write("p.txt", "a film\nan actor\n"));
        Assert.Equal(["a film", "an actor"], plan.Prompts);
        Assert.Null(plan.PromptTokens);
        string empty = folder.Write("empty.txt", "");
        Assert.Throws<BadInputException>(() => Read("--prompts " + empty));
    }

    private static BenchPlan Read(string flags)
    {
        BenchOptions options = new();
        Command command = new("bench");
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }

        ParseResult parsed = command.Parse(flags);
        Assert.Empty(parsed.Errors);
        return options.Read(parsed);
    }
}
