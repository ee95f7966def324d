namespace Rudder.Engine.Kernels;

/// <summary>What one worker of <see cref="SequenceAttention"/> needs of memory, in floats, every part beginning on a cache line.</summary>
/// <param name="tokens">T, of the longest sequence.</param>
/// <param name="headSize">d, numbers of a head.</param>
internal readonly unsafe struct HeadMemory(int tokens, int headSize)
{
    /// <summary>Floats of a cache line.</summary>
    public const int Alignment = 16;

    /// <summary>T.</summary>
    public int Tokens { get; } = tokens;

    /// <summary>d.</summary>
    public int HeadSize { get; } = headSize;

    /// <summary>d up to whole panels.</summary>
    public int HeadStride { get; } = Whole(headSize, HeadProduct.Columns);

    /// <summary>T up to whole panels.</summary>
    public int ScoreStride { get; } = Whole(tokens, HeadProduct.Columns);

    /// <summary>Where the values begin, after the keys.</summary>
    public int Values => checked(ScoreStride * HeadSize);

    /// <summary>Where the queries begin.</summary>
    public int Queries => checked(Values + (Tokens * HeadStride));

    /// <summary>Where the scores begin.</summary>
    public int Scores => checked(Queries + Whole(HeadProduct.Rows * HeadSize, Alignment));

    /// <summary>Where the context begins.</summary>
    public int Context => checked(Scores + (HeadProduct.Rows * ScoreStride));

    /// <summary>All of it.</summary>
    public int Floats => checked(Context + (HeadProduct.Rows * HeadStride));

    /// <summary>The first cache line that begins at or after an address.</summary>
    public static float* Align(float* memory) => (float*)(((nuint)memory + (Alignment * sizeof(float)) - 1) & ~(nuint)((Alignment * sizeof(float)) - 1));

    private static int Whole(int count, int unit) => checked((count + unit - 1) / unit * unit);
}
