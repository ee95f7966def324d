using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class TrainingSessionTests
{
    [Theory]
    [InlineData("cpu", "")]
    [InlineData("cuda", " --device cuda")]
    public void SaveIfDue_StopAskedFor_NamesTheDeviceToGoOnWith(string device, string expected)
    {
        using var world = new TinyTraining();
        RunRequest request = world.Request("run", stopAfterOneStep: true) with { Device = device };
        using var run = RunFolder.Open(request, "tiny", 3);
        using var session = new TrainingSession(world.Sft(), run, request, TrainingState.Start, 2, 2);
        session.Advance(1, 1, 1, 1);
        InterruptedException error = Assert.Throws<InterruptedException>(() => session.SaveIfDue(() => { }));
        Assert.EndsWith($"trainer sft --resume {run.Path}{expected}", error.Message, StringComparison.Ordinal);
    }
}
