using System.Buffers;
using System.Runtime.InteropServices;

namespace Rudder.Checkpoints;

/// <summary>Converts stored elements to single precision, and refuses NaN and infinities.</summary>
internal static class FloatReading
{
    private const int Chunk = 1 << 16;

    /// <summary>All elements of a tensor as floats.</summary>
    public static float[] Read(IWeightFile file, TensorInfo tensor)
    {
        if (tensor.Type is not (WeightType.F32 or WeightType.F16 or WeightType.BF16 or WeightType.F64))
        {
            throw new CheckpointException($"{file.Path}: tensor '{tensor.Name}' has type {tensor.Type}; a floating type was expected.");
        }

        if (tensor.Elements > Array.MaxLength)
        {
            throw new CheckpointException(
                $"{file.Path}: tensor '{tensor.Name}' has {tensor.Elements} elements; at most {Array.MaxLength} are supported in one tensor.");
        }

        var values = new float[tensor.Elements];
        int size = TensorInfo.SizeOf(tensor.Type);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Chunk * size);
        for (int start = 0; start < values.Length; start += Chunk)
        {
            var target = values.AsSpan(start, Math.Min(Chunk, values.Length - start));
            var bytes = tensor.Type == WeightType.F32 ? MemoryMarshal.AsBytes(target) : buffer.AsSpan(0, target.Length * size);
            file.Read(tensor, start, bytes);
            Convert(tensor.Type, bytes, target);
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return values;
    }

    /// <summary>Refuses NaN and infinities. The error names the first one.</summary>
    public static void RequireFinite(string file, string tensor, ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new CheckpointException(
                    $"{file}: tensor '{tensor}' holds {(float.IsNaN(values[i]) ? "NaN" : "an infinity")} at index {i}; every weight must be a finite number. "
                    + $"The training that saved it diverged, or the file is damaged; use an earlier checkpoint.");
            }
        }
    }

    private static void Convert(WeightType type, ReadOnlySpan<byte> bytes, Span<float> target)
    {
        switch (type)
        {
            case WeightType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (float)halves[i];
                }

                break;
            case WeightType.BF16:
                var upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = BFloat16.ToSingle(upper[i]);
                }

                break;
            case WeightType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (float)doubles[i];
                }

                break;
        }
    }
}
