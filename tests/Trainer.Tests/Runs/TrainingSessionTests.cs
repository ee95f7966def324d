using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class TrainingSessionTests
{
    [Fact]
    public void SaveIfDue_StopAskedFor_NamesTheCommandToGoOnWith()
    {
        using var world = new TinyTraining();
        RunRequest request = world.Request("run", stopAfterOneStep: true);
        using var run = RunFolder.Open(request, "tiny", 3);
        using var session = new TrainingSession(world.Sft(), run, request, TrainingState.Start, 2, 2);
        session.Advance(1, 1, 1, 1);
        InterruptedException error = Assert.Throws<InterruptedException>(() => session.SaveIfDue(() => { }));
        Assert.EndsWith($"trainer sft --resume {run.Path}", error.Message, StringComparison.Ordinal);
    }
}
