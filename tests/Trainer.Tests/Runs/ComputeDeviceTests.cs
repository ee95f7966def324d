using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class ComputeDeviceTests
{
    [Fact]
    public void UseThreads_Negative_IsRefused()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => ComputeDevice.UseThreads(-5));
        Assert.Contains("threads is -5", error.Message, StringComparison.Ordinal);
    }
}
