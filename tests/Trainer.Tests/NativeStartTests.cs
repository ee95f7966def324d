using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Rudder.Trainer.Tests;

public class NativeStartTests
{
    private const nuint Mapped = 2;                          // glibc's IS_MMAPPED, in the size before a block

    [Fact]
    public unsafe void Run_OnGlibc_TakesLargeBlocksFromTheHeap()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains("libc.so.6", StringComparison.Ordinal), "needs glibc");
        RuntimeHelpers.RunModuleConstructor(typeof(Rudder.Trainer.Runs.RunFolder).Module.ModuleHandle);
        void* block = NativeMemory.Alloc(4 << 20);
        nuint flags = ((nuint*)block)[-1];
        NativeMemory.Free(block);
        Assert.Equal((nuint)0, flags & Mapped);
    }
}
