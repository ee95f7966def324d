using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Generation;

public sealed class LogitsBufferTests
{
    // Every float16 there is, by its bits: largest, smallest, subnormal, both zeros, infinities and not-a-numbers among them.
    [Fact]
    public void Written_EveryHalf_IsTheSameNumberInSinglePrecision()
    {
        const int Vocabulary = 1 << 15;
        using var buffer = new LogitsBuffer(3, Vocabulary, TensorElementType.Float16);
        using (var view = buffer.View(1, 2))
        {
            Assert.Equal((long[])[2, 1, Vocabulary], view.GetTensorTypeAndShape().Shape);
            var written = view.GetTensorMutableDataAsSpan<Float16>();
            for (int bits = 0; bits < written.Length; bits++)
            {
                written[bits] = new Float16((ushort)bits);
            }
        }

        buffer.Written(1, 2);

        Assert.Equal(0f, buffer.Row(0)[5]);                  // a row that was not written
        for (int bits = 0; bits < 2 * Vocabulary; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            float actual = buffer.Row(1 + (bits / Vocabulary))[bits % Vocabulary];
            Assert.True(expected.Equals(actual), $"bits {bits:x4}: {actual}, expected {expected}");
        }
    }

    [Fact]
    public void Row_OfAFloatGraph_IsWhatWasWritten()
    {
        using var buffer = new LogitsBuffer(2, 4, TensorElementType.Float);
        using (var view = buffer.View(1, 1))
        {
            ((float[])[1, -2, 3.5f, float.NegativeInfinity]).CopyTo(view.GetTensorMutableDataAsSpan<float>());
        }

        buffer.Written(1, 1);

        Assert.Equal((float[])[1, -2, 3.5f, float.NegativeInfinity], buffer.Row(1).ToArray());
    }
}
