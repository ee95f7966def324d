using System.Numerics;
using System.Runtime.InteropServices;
using Rudder.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>The gradient's length, and the factor that clips it.</summary>
internal static class GradientNorm
{
    /// <summary>Euclidean norm over all gradients, before clipping.</summary>
    public static double Of(IEnumerable<NamedParameter> parameters)
    {
        using var quiet = no_grad();
        double sum = 0;
        foreach (NamedParameter parameter in parameters)
        {
            using var scope = NewDisposeScope();
            if (parameter.Value.grad is Tensor gradient)
            {
                sum += gradient.device.type == DeviceType.CPU
                    ? SumOfSquares(MemoryMarshal.Cast<byte, float>(gradient.contiguous().bytes))
                    : Math.Pow(gradient.norm().item<float>(), 2);
            }
        }

        return Math.Sqrt(sum);
    }

    /// <summary>What gradients are multiplied by so that their norm is at most <paramref name="limit"/>; 1 where limit is 0. PyTorch's formula.</summary>
    public static double ClipScale(double norm, double limit) => limit <= 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        // Blocks of 4096 in float, their sums in double: the rounding of a block stays far below the figures logged.
        double total = 0;
        for (int start = 0; start < values.Length; start += 4096)
        {
            ReadOnlySpan<float> block = values.Slice(start, Math.Min(4096, values.Length - start));
            Vector<float> sums = Vector<float>.Zero;
            int i = 0;
            for (; i + Vector<float>.Count <= block.Length; i += Vector<float>.Count)
            {
                var part = new Vector<float>(block[i..]);
                sums += part * part;
            }

            total += Vector.Sum(sums);
            for (; i < block.Length; i++)
            {
                total += block[i] * block[i];
            }
        }

        return total;
    }
}
