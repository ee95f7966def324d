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

    [Theory]
    [InlineData("cpu", 0, "cpu")]
    [InlineData("cpu", 2, "cpu")]
    [InlineData("auto", 0, "cpu")]
    [InlineData("auto", 2, "cuda:0")]
    [InlineData("cuda", 1, "cuda:0")]
    [InlineData("cuda:1", 2, "cuda:1")]
    public void Resolve_KnownName_GivesTheDeviceHere(string name, int cudaDevices, string expected) =>
        Assert.Equal(expected, ComputeDevice.Resolve(name, cudaDevices));

    [Theory]
    [InlineData("cuda", 0, "no CUDA device")]
    [InlineData("cuda:0", 0, "no CUDA device")]
    [InlineData("cuda:3", 1, "finds 1 CUDA device here")]
    [InlineData("cuda:2", 2, "finds 2 CUDA devices here")]
    [InlineData("gpu", 1, "auto, cpu, cuda or cuda:N")]
    [InlineData("cuda:", 1, "auto, cpu, cuda or cuda:N")]
    [InlineData("cuda:-1", 1, "auto, cpu, cuda or cuda:N")]
    [InlineData("CPU", 1, "auto, cpu, cuda or cuda:N")]
    public void Resolve_UnknownOrMissingDevice_IsRefusedNamingIt(string name, int cudaDevices, string limit)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => ComputeDevice.Resolve(name, cudaDevices));
        Assert.Contains($"device is '{name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(limit, error.Message, StringComparison.Ordinal);
    }
}
