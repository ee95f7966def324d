using Rudder.Client.Experiments;

namespace Rudder.Client.Tests.Experiments;

/// <summary>--from and --only: which stages run again, and what they need from the others.</summary>
public sealed class StageSelectionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_FromAndOnly_TakeTheirStages()
    {
        Stage[] stages = [Stage("a"), Stage("b", "a"), Stage("c", "b")];
        Assert.Equal(["a", "b", "c"], Names(StageSelection.All.Of(stages)));
        Assert.Equal(["b", "c"], Names(new StageSelection(From: "b").Of(stages)));
        Assert.Equal(["b"], Names(new StageSelection(Only: "b").Of(stages)));
    }

    [Fact]
    public void Of_UnknownStage_NamesThoseThereAre()
    {
        Stage[] stages = [Stage("pairs"), Stage("dpo-beta-0.1")];
        string said = Assert.Throws<BadInputException>(() => new StageSelection(Only: "dpo-beta-0.2").Of(stages)).Message;
        Assert.Contains("Did you mean 'dpo-beta-0.1'? The stages are pairs, dpo-beta-0.1.", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Begin_From_RunsDoneStagesAgainAndKeepsEarlierOnes()
    {
        StageRunner runner = Runner();
        await DoAsync(runner, "a", "b", "c");
        string summary = _folder.Write("summary.json", "old");
        new StageSelection(From: "b").Begin([Stage("a"), Stage("b", "a"), Stage("c", "b")], runner);
        Assert.Equal([true, false, false], ((string[])["a", "b", "c"]).Select(runner.IsDone));
        Assert.False(File.Exists(summary));
    }

    [Fact]
    public async Task Begin_Only_LeavesLaterStagesAsTheyAre()
    {
        StageRunner runner = Runner();
        await DoAsync(runner, "a", "b", "c");
        new StageSelection(Only: "b").Begin([Stage("a"), Stage("b", "a"), Stage("c", "b")], runner);
        Assert.Equal([true, false, true], ((string[])["a", "b", "c"]).Select(runner.IsDone));
    }

    [Theory]
    [InlineData("b", null)]
    [InlineData(null, "b")]
    public void Begin_NeededStageNotDone_IsRefusedAndNothingForgotten(string? from, string? only)
    {
        Stage[] stages = [Stage("a"), Stage("b", "a")];
        BadInputException error = Assert.Throws<BadInputException>(() => new StageSelection(from, only).Begin(stages, Runner()));
        Assert.Contains("Stage b needs the result of stage a", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Begin_OnlyAStageOfANewRun_HasNothingToForget() =>
        Assert.Equal(["a"], Names(new StageSelection(Only: "a").Begin([Stage("a"), Stage("b", "a")], Runner())));

    [Fact]
    public async Task Begin_All_ForgetsNothing()
    {
        StageRunner runner = Runner();
        await DoAsync(runner, "a");
        StageSelection.All.Begin([Stage("a")], runner);
        Assert.True(runner.IsDone("a"));
    }

    private static Stage Stage(string name, params string[] after) => new(name, name, after, [], _ => Task.CompletedTask);

    private static IEnumerable<string> Names(IEnumerable<Stage> stages) => stages.Select(stage => stage.Name);

    private static async Task DoAsync(StageRunner runner, params string[] stages)
    {
        foreach (string stage in stages)
        {
            await runner.RunAsync(stage, [], _ => Task.CompletedTask);
        }
    }

    private StageRunner Runner() => new(_folder.Path, _ => { }, TimeProvider.System);
}
