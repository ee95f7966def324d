using System.Numerics;

namespace Rudder.Engine.Sampling;

/// <summary>One pass over a row of logits: maximum and probability mass of each block of 256, and the row's normalizers.</summary>
/// <remarks>Reads memory once: blocks are still in the L1 cache for the sums. Not thread-safe; reused from row to row.</remarks>
internal sealed class LogitScan
{
    /// <summary>Entries per block; a multiple of every vector width.</summary>
    public const int BlockLength = 256;

    // A block with a largest weight below e^-86 has no mass: Weigh would round its weights to 0, and none could be drawn.
    private const double Lightest = -86;

    private float[] _blockMax = [];
    private double[] _blockMass = [];
    private float[] _groupMax = [];

    /// <summary>Largest logit of the row.</summary>
    public float Max { get; private set; }

    /// <summary>Natural logarithm of the sum of e^logit, at temperature 1.</summary>
    public double LogSum { get; private set; }

    /// <summary>Sum of <see cref="BlockMass"/>.</summary>
    public double TotalMass { get; private set; }

    /// <summary>1 / temperature, as used for the masses.</summary>
    public float InverseTemperature { get; private set; }

    /// <summary>Number of blocks; the last may be partial.</summary>
    public int Blocks { get; private set; }

    /// <summary>Largest logit of each block.</summary>
    public ReadOnlySpan<float> BlockMax => _blockMax.AsSpan(0, Blocks);

    /// <summary>Sum over each block of e^((logit - Max) / temperature).</summary>
    public ReadOnlySpan<double> BlockMass => _blockMass.AsSpan(0, Blocks);

    /// <summary>Largest logit of each small disjoint group (32 entries with vectors of 8): lower bounds for a top-k threshold.</summary>
    public ReadOnlySpan<float> GroupMax => _groupMax.AsSpan(0, Blocks * Vector<float>.Count);

    /// <summary>Scans a row.</summary>
    /// <param name="logits">Logits of the row, not empty.</param>
    /// <param name="temperature">Above 0.</param>
    /// <exception cref="InvalidLogitsException">The logits are not a distribution.</exception>
    public void Run(ReadOnlySpan<float> logits, float temperature)
    {
        Reserve(logits.Length);
        // A denormal temperature would give 0 × infinity. At 1e30 every difference that a float can represent is already decisive.
        InverseTemperature = MathF.Min(1 / temperature, 1e30f);
        Span<double> rawMass = Blocks <= 1024 ? stackalloc double[Blocks] : new double[Blocks];
        for (int block = 0; block < Blocks; block++)
        {
            ScanBlock(logits, block, out rawMass[block]);
        }

        Combine(rawMass);
        if (!double.IsFinite(LogSum))
        {
            throw Explain(logits);
        }
    }

    /// <summary>Computes e^((logit - Max) / temperature) of one block; entries past the end of the row are 0.</summary>
    public void Weigh(ReadOnlySpan<float> logits, int block, Span<float> weights)
    {
        Span<float> padded = stackalloc float[BlockLength];
        scoped ReadOnlySpan<float> values = Block(logits, block, padded);
        var max = new Vector<float>(Max);
        var scale = new Vector<float>(InverseTemperature);
        for (int i = 0; i < BlockLength; i += Vector<float>.Count)
        {
            VectorExp.Exp((new Vector<float>(values[i..]) - max) * scale).CopyTo(weights[i..]);
        }
    }

    private void ScanBlock(ReadOnlySpan<float> logits, int block, out double rawMass)
    {
        Span<float> padded = stackalloc float[BlockLength];
        scoped ReadOnlySpan<float> values = Block(logits, block, padded);
        var lanes = new Vector<float>(float.NegativeInfinity);
        for (int i = 0; i < BlockLength; i += Vector<float>.Count)
        {
            lanes = Vector.MaxNative(lanes, new Vector<float>(values[i..]));
        }

        lanes.CopyTo(_groupMax.AsSpan(block * Vector<float>.Count));
        float max = float.MinValue;                          // a block of minus infinities then weighs 0, not NaN
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            max = MathF.Max(max, lanes[lane]);
        }

        _blockMax[block] = max;
        rawMass = Mass(values, max, 1);
        _blockMass[block] = InverseTemperature == 1 ? rawMass : Mass(values, max, InverseTemperature);
    }

    private static double Mass(ReadOnlySpan<float> values, float max, float inverseTemperature)
    {
        var shift = new Vector<float>(max);
        var scale = new Vector<float>(inverseTemperature);
        var sum = Vector<float>.Zero;
        for (int i = 0; i < BlockLength; i += Vector<float>.Count)
        {
            sum += VectorExp.Exp((new Vector<float>(values[i..]) - shift) * scale);
        }

        return Vector.Sum(sum);
    }

    // Rescales the blocks' masses from their own maxima to the row's maximum.
    private void Combine(ReadOnlySpan<double> rawMass)
    {
        Max = float.MinValue;
        foreach (float max in BlockMax)
        {
            Max = MathF.Max(Max, max);
        }

        double raw = 0;
        TotalMass = 0;
        for (int block = 0; block < Blocks; block++)
        {
            double below = (double)_blockMax[block] - Max;
            raw += rawMass[block] * Math.Exp(below);
            double scaled = below * InverseTemperature;
            _blockMass[block] *= scaled < Lightest ? 0 : Math.Exp(scaled);
            TotalMass += _blockMass[block];
        }

        LogSum = Max + Math.Log(raw);
    }

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> logits, int block, Span<float> padded)
    {
        ReadOnlySpan<float> values = logits[(block * BlockLength)..];
        if (values.Length >= BlockLength)
        {
            return values[..BlockLength];
        }

        values.CopyTo(padded);
        padded[values.Length..].Fill(float.NegativeInfinity);
        return padded[..BlockLength];
    }

    private void Reserve(int length)
    {
        Blocks = (length + BlockLength - 1) / BlockLength;
        if (_blockMax.Length < Blocks)
        {
            _blockMax = new float[Blocks];
            _blockMass = new double[Blocks];
            _groupMax = new float[Blocks * Vector<float>.Count];
        }
    }

    private static InvalidLogitsException Explain(ReadOnlySpan<float> logits)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i]) || float.IsPositiveInfinity(logits[i]))
            {
                return new InvalidLogitsException($"logit {i} of {logits.Length} is {logits[i]}; no token can be drawn. The model's weights or its graph are damaged.");
            }
        }

        return new InvalidLogitsException($"none of the {logits.Length} logits is finite; no token can be drawn.");
    }
}
