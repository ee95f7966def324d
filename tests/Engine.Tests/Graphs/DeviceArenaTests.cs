using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>The cache that ONNX Runtime allocates, with the processor's memory standing for a device's: the same code but for the address.</summary>
public sealed class DeviceArenaTests
{
    private const int Layers = 2, Heads = 3, Tokens = 5, Width = 4, Slots = 4;
    private const int RowLength = Heads * Tokens * Width;

    [Theory]
    [InlineData(TensorElementType.Float)]
    [InlineData(TensorElementType.Float16)]
    public void Arena_Fresh_HoldsZeros(TensorElementType type)
    {
        using var arena = Arena(type);
        for (int block = 0; block < 2 * Layers; block++)
        {
            using var view = arena.View(block, 0, Slots);
            Assert.Equal((long[])[Slots, Heads, Tokens, Width], view.GetTensorTypeAndShape().Shape);
            Assert.All(Read(view, type), value => Assert.Equal(0f, value));
        }
    }

    [Theory]
    [InlineData(TensorElementType.Float)]
    [InlineData(TensorElementType.Float16)]
    public void CopyRow_EveryBlock_TakesThatRowAndNoOther(TensorElementType type)
    {
        using var arena = Arena(type);
        for (int block = 0; block < 2 * Layers; block++)
        {
            using var view = arena.View(block, 0, Slots);
            Fill(view, type, i => block + (i / RowLength * 10) + (i % RowLength * 0.125f));
        }

        arena.CopyRow(from: 2, to: 1, tokens: 3);

        for (int block = 0; block < 2 * Layers; block++)
        {
            using var view = arena.View(block, 0, Slots);
            float[] rows = Read(view, type);
            int[] origins = [0, 2, 2, 3];
            for (int i = 0; i < rows.Length; i++)
            {
                Assert.Equal(block + (origins[i / RowLength] * 10) + (i % RowLength * 0.125f), rows[i]);
            }
        }
    }

    [Fact]
    public void View_PartOfTheRows_IsTheSameMemory()
    {
        using var arena = Arena(TensorElementType.Float);
        using (var row = arena.View(3, 2, 1))
        {
            Fill(row, TensorElementType.Float, i => i + 1);
        }

        using var both = arena.View(3, 1, 2);
        float[] values = Read(both, TensorElementType.Float);
        Assert.All(values[..RowLength], value => Assert.Equal(0f, value));
        Assert.Equal(Enumerable.Range(1, RowLength).Select(i => (float)i), values[RowLength..]);
    }

    [Fact]
    public void View_BeyondTheLastRow_IsRefused()
    {
        using var arena = Arena(TensorElementType.Float);
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.View(0, 3, 2));
    }

    [Fact]
    public void View_AfterDispose_IsRefused()
    {
        var arena = Arena(TensorElementType.Float);
        arena.Dispose();
        Assert.Throws<ObjectDisposedException>(() => arena.View(0, 0, 1));
    }

    // 2 layers × 2 × 3 heads × 4 wide × 5 tokens × 4 slots, of 2 bytes each.
    [Fact]
    public void Arena_HalvesAboveTheLimit_CountsTwoBytesANumber()
    {
        var e = Assert.Throws<RequestFault>(() => new DeviceArena(
            OrtMemoryInfo.DefaultInstance, null, Shape(TensorElementType.Float16), Slots, Tokens, maxBytes: 1919));
        Assert.Contains("needs 1,920 bytes; the limit is 1,919", e.Message);
    }

    // One head of 65,536 numbers, 65,536 tokens: 16 GiB in a block, refused before anything is allocated.
    [Fact]
    public void Arena_BlockAboveFourGibibytes_IsRefused()
    {
        var shape = new GraphShape(new GraphMetadata("f", "fp32", 1, 1, 1 << 16, 16, 1 << 16));
        var e = Assert.Throws<RequestFault>(() => new DeviceArena(OrtMemoryInfo.DefaultInstance, null, shape, 1, 1 << 16, long.MaxValue));
        Assert.Contains("a block on the device holds at most 4,294,967,295", e.Message);
    }

    private static DeviceArena Arena(TensorElementType type) => new(OrtMemoryInfo.DefaultInstance, null, Shape(type), Slots, Tokens, long.MaxValue);

    private static GraphShape Shape(TensorElementType type) => new(new GraphMetadata("f", "fp32", Layers, Heads, Width, 16, 64)) { CacheType = type };

    private static float[] Read(OrtValue view, TensorElementType type) => type == TensorElementType.Float
        ? view.GetTensorDataAsSpan<float>().ToArray()
        : Array.ConvertAll(view.GetTensorDataAsSpan<Float16>().ToArray(), value => (float)value);

    private static void Fill(OrtValue view, TensorElementType type, Func<int, float> value)
    {
        if (type == TensorElementType.Float)
        {
            var numbers = view.GetTensorMutableDataAsSpan<float>();
            for (int i = 0; i < numbers.Length; i++)
            {
                numbers[i] = value(i);
            }

            return;
        }

        var halves = view.GetTensorMutableDataAsSpan<Float16>();
        for (int i = 0; i < halves.Length; i++)
        {
            halves[i] = (Float16)value(i);
        }
    }
}
