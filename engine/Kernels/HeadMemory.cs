namespace Rudder.Engine.Kernels;

/// <summary>Scratch memory layout of one <see cref="SequenceAttention"/> worker, in floats. Every part starts on a cache line.</summary>
/// <param name="tokens">T, tokens of the longest sequence.</param>
/// <param name="headSize">d, width of a head.</param>
internal readonly unsafe struct HeadMemory(int tokens, int headSize)
{
    /// <summary>Floats per cache line.</summary>
    public const int Alignment = 16;

    /// <summary>T.</summary>
    public int Tokens { get; } = tokens;

    /// <summary>d.</summary>
    public int HeadSize { get; } = headSize;

    /// <summary>d rounded up to whole panels.</summary>
    public int HeadStride { get; } = Whole(headSize, HeadProduct.Columns);

    /// <summary>T rounded up to whole panels.</summary>
    public int ScoreStride { get; } = Whole(tokens, HeadProduct.Columns);

    /// <summary>Offset of the values, after the keys.</summary>
    public int Values => checked(ScoreStride * HeadSize);

    /// <summary>Offset of the queries.</summary>
    public int Queries => checked(Values + (Tokens * HeadStride));

    /// <summary>Offset of the scores.</summary>
    public int Scores => checked(Queries + Whole(HeadProduct.Rows * HeadSize, Alignment));

    /// <summary>Offset of the context.</summary>
    public int Context => checked(Scores + (HeadProduct.Rows * ScoreStride));

    /// <summary>Total size.</summary>
    public int Floats => checked(Context + (HeadProduct.Rows * HeadStride));

    /// <summary>Rounds an address up to the next cache line.</summary>
    public static float* Align(float* memory) => (float*)(((nuint)memory + (Alignment * sizeof(float)) - 1) & ~(nuint)((Alignment * sizeof(float)) - 1));

    private static int Whole(int count, int unit) => checked((count + unit - 1) / unit * unit);
}
