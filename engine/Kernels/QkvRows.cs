using System.Numerics.Tensors;

namespace Rudder.Engine.Kernels;

/// <summary>Queries, keys and values of tokens: side by side, with the scaling and bias that an int8 product leaves to its consumer, or apart.</summary>
internal unsafe struct QkvRows
{
    /// <summary>The three parts.</summary>
    public QkvPart Queries, Keys, Values;

    /// <summary>A factor per row, [N]; null: none.</summary>
    public float* Factors;

    /// <summary>Side by side.</summary>
    /// <param name="qkv">[N,3W]</param>
    /// <param name="factors">[N], or null.</param>
    /// <param name="bias">[3W], or null.</param>
    /// <param name="width">W.</param>
    public static QkvRows SideBySide(float* qkv, float* factors, float* bias, int width)
    {
        QkvPart Part(int index) => new() { Rows = qkv + (index * width), Stride = 3L * width, Bias = bias is null ? null : bias + (index * width) };
        return new QkvRows { Queries = Part(0), Keys = Part(1), Values = Part(2), Factors = factors };
    }

    /// <summary>Apart, without factors and bias.</summary>
    /// <param name="queries">[N,W]</param>
    /// <param name="width">W.</param>
    /// <param name="keys">[N,KW]</param>
    /// <param name="values">[N,KW]</param>
    /// <param name="keyWidth">KW.</param>
    public static QkvRows Apart(float* queries, int width, float* keys, float* values, int keyWidth) => new()
    {
        Queries = new() { Rows = queries, Stride = width },
        Keys = new() { Rows = keys, Stride = keyWidth },
        Values = new() { Rows = values, Stride = keyWidth },
    };

    /// <summary>Reads numbers of a token.</summary>
    /// <param name="part">Queries, keys or values.</param>
    /// <param name="token">Row of the token.</param>
    /// <param name="offset">Index of the first number.</param>
    /// <param name="size">Number of values.</param>
    /// <param name="destination">[size]</param>
    public readonly Span<float> Read(QkvPart part, long token, int offset, int size, float* destination)
    {
        var source = new ReadOnlySpan<float>(part.Rows + (token * part.Stride) + offset, size);
        var target = new Span<float>(destination, size);
        if (Factors is null)
        {
            source.CopyTo(target);
        }
        else
        {
            TensorPrimitives.Multiply(source, Factors[token], target);
        }

        if (part.Bias is not null)
        {
            TensorPrimitives.Add(target, new ReadOnlySpan<float>(part.Bias + offset, size), target);
        }

        return target;
    }
}

/// <summary>Queries, keys or values.</summary>
internal unsafe struct QkvPart
{
    /// <summary>First number of the first token.</summary>
    public float* Rows;

    /// <summary>Bias of every token; null: none.</summary>
    public float* Bias;

    /// <summary>Floats from a token to the next.</summary>
    public long Stride;
}
