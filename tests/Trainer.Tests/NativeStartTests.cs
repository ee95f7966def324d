using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests;

public class NativeStartTests
{
    /// <summary>Large tensors would otherwise get mappings of their own, outside the heap.</summary>
    [Fact]
    public void Run_AfterTheTrainerIsLoaded_LargeTensorsLieInTheHeapOnHugePages()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/proc/self/smaps"), "needs Linux's /proc/self/smaps");
        Assert.SkipUnless(File.ReadAllText("/proc/self/maps").Contains("libc.so.6", StringComparison.Ordinal), "needs glibc");
        Assert.Equal(0, ExitCodes.Done); // loads the trainer, whose module initializer runs
        using Tensor large = zeros(1 << 25);
        long address = Address(large);

        string[] lines = File.ReadAllLines("/proc/self/smaps");
        int heap = Array.FindIndex(lines, line => Holds(line, address));
        Assert.Contains("[heap]", lines[heap], StringComparison.Ordinal);
        string flags = lines.Skip(heap).First(line => line.StartsWith("VmFlags:", StringComparison.Ordinal));
        Assert.Contains(" hg", flags, StringComparison.Ordinal); // huge pages were asked for
    }

    private static unsafe long Address(Tensor tensor)
    {
        fixed (byte* start = tensor.bytes)
        {
            return (long)start + (tensor.bytes.Length / 2);
        }
    }

    private static bool Holds(string line, long address)
    {
        string[] ends = line.Split(' ')[0].Split('-');
        return ends.Length == 2
            && long.TryParse(ends[0], System.Globalization.NumberStyles.HexNumber, null, out long start)
            && long.TryParse(ends[1], System.Globalization.NumberStyles.HexNumber, null, out long end)
            && start <= address && address < end;
    }
}
