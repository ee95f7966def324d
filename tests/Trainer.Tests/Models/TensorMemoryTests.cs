using System.Buffers;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Models;

public sealed class TensorMemoryTests
{
    [Fact]
    public void Memory_ContiguousTensor_ShowsItsValuesAndLaterChanges()
    {
        using Tensor tensor = arange(6, float32).reshape(2, 3);
        ReadOnlyMemory<float> memory = new TensorMemory(tensor).Memory;
        Assert.Equal([0, 1, 2, 3, 4, 5], memory.ToArray());

        tensor.fill_(7);
        using MemoryHandle pin = memory.Pin();
        Assert.All(memory.ToArray(), value => Assert.Equal(7, value));
        unsafe
        {
            Assert.Equal(7, ((float*)pin.Pointer)[5]);
        }
    }

    [Fact]
    public void View_ParameterThatCannotBeReadInPlace_IsACopyInRowMajorOrder()
    {
        using var scope = NewDisposeScope();
        Tensor turned = arange(6, float32).reshape(2, 3).t(), half = turned.to(bfloat16);
        foreach (Tensor tensor in new[] { turned, half })
        {
            Assert.Equal([0, 3, 1, 4, 2, 5], NamedParameters.View(tensor).ToArray());
            Assert.Throws<ArgumentException>(() => new TensorMemory(tensor));
        }
    }

    [Fact]
    public void Memory_DisposedTensor_IsRefused()
    {
        Tensor tensor = ones(3);
        ReadOnlyMemory<float> memory = new TensorMemory(tensor).Memory;
        tensor.Dispose();

        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
    }
}
