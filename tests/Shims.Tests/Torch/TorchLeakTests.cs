using System.Diagnostics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Tensors and their memory are given back, step after step.</summary>
[Collection(TorchCollection.Name)]
public class TorchLeakTests
{
    private const long Megabyte = 1 << 20;

    [Fact]
    public void Step_TenThousandTimes_LeavesNoTensorAndNoMemory() => TrainWithoutLeak(10_000);

    [Fact(Explicit = true)]
    [Trait("Soak", "tensors")]
    public void Step_AMillionTimes_LeavesNoTensorAndNoMemory() => TrainWithoutLeak(1_000_000);

    [Fact]
    public void LargeTensors_InNoScope_AreCollectedUnderPressure()
    {
        // 4 MiB each, 4 GiB in all: without the hint of their size the collector would see 1,000 small objects and wait.
        long before = Resident();
        long peak = before;
        for (int i = 0; i < 1000; i++)
        {
            _ = zeros(1024, 1024);
            peak = Math.Max(peak, i % 50 == 0 ? Resident() : 0);
        }

        Assert.True(peak - before < 2048 * Megabyte, $"memory grew by {(peak - before) / Megabyte} MiB of the 4,000 MiB made");
    }

    private static void TrainWithoutLeak(int steps)
    {
        set_num_threads(1);
        using var weight = new Parameter(ones(64, 64) * 0.01);
        for (int i = 0; i < 500; i++)
        {
            Step(weight);
        }

        long tensors = Tensor.TotalCount;
        long memory = Native();
        for (int i = 0; i < steps; i++)
        {
            Step(weight);
        }

        Assert.True(Tensor.TotalCount <= tensors, $"{Tensor.TotalCount - tensors} tensors more than before {steps} steps");
        long growth = (Native() - memory) / Megabyte;
        Assert.True(growth < 48, $"native memory grew by {growth} MiB over {steps} steps");
    }

    // Tensors of 16 KiB: one lost in each of 10,000 steps is 160 MiB, beyond the bound.
    /// <summary>Every kind of crossing: values in and out, views, lists, in-place, autograd, a failing call.</summary>
    private static void Step(Parameter weight)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[64 * 64]).view(64, 64) + 1; // [64,64]
        x.add_(1); // a reference lost here would keep the memory of x
        Tensor[] halves = nn.functional.gelu(x.matmul(weight)).chunk(2, -1); // 2 × [64,32]
        Tensor loss = nn.functional.cross_entropy(cat([halves[1], halves[0]], -1), arange(64, ScalarType.Int64)); // []
        loss.backward();
        Assert.True(float.IsFinite(loss.item<float>()));
        using (no_grad())
        {
            weight.sub_(weight.grad * 0.01);
        }

        weight.grad = null;
        Assert.ThrowsAny<Exception>(() => x.view(7, 7));
    }

    /// <summary>Resident memory without what the collector holds for managed objects, which grows by tens of MiB in the first 20,000 steps and then stays.</summary>
    private static long Native()
    {
        GC.Collect();
        return Resident() - GC.GetGCMemoryInfo().TotalCommittedBytes;
    }

    private static long Resident()
    {
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
