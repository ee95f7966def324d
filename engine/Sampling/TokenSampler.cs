namespace Rudder.Engine.Sampling;

/// <summary>One drawn token.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProb">log softmax of the raw logits (temperature 1, no truncation) at <paramref name="Id"/>, nats.</param>
public readonly record struct TokenDraw(int Id, float LogProb);

/// <summary>Draws the next token of one sequence from a row of logits.</summary>
/// <remarks>
/// Plain and tempered draws read the row once and then one block of 256 again (inverse transform over the blocks' masses, then within
/// the block). Top-k, top-p and min-p first compute a threshold that every survivor reaches, collect the few tokens above it, and
/// select among those. A draw depends only on the row, the parameters and the uniform number. Not thread-safe: use one sampler
/// per thread.
/// </remarks>
public sealed class TokenSampler
{
    private readonly LogitScan _scan = new();
    private readonly CandidateSet _candidates = new();
    private readonly float[] _weights = new float[LogitScan.BlockLength];
    private float[] _groups = [];

    /// <summary>log Σ e^logit of the last drawn row (temperature 1, no truncation), nats.</summary>
    public double LogSum => _scan.LogSum;

    /// <summary>Draws one token.</summary>
    /// <param name="logits">Raw logits, one per id. [V]</param>
    /// <param name="parameters">Sampling parameters.</param>
    /// <param name="uniform">A number in [0, 1) that determines the draw; ignored by greedy decoding.</param>
    /// <exception cref="InvalidLogitsException">A logit is NaN or plus infinity, or no logit is finite.</exception>
    public TokenDraw Draw(ReadOnlySpan<float> logits, SamplingParameters parameters, double uniform)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentOutOfRangeException.ThrowIfZero(logits.Length);
        if (uniform is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(uniform), uniform, "must be in [0, 1)");
        }

        _scan.Run(logits, parameters.IsGreedy ? 1 : parameters.Temperature);
        int id = parameters.IsGreedy ? Argmax(logits)
            : parameters.IsTruncated ? DrawTruncated(logits, parameters, uniform)
            : DrawWhole(logits, uniform);
        return new TokenDraw(id, (float)(logits[id] - _scan.LogSum));
    }

    private int Argmax(ReadOnlySpan<float> logits)
    {
        int start = _scan.BlockMax.IndexOf(_scan.Max) * LogitScan.BlockLength;
        return start + logits[start..].IndexOf(_scan.Max);   // ties go to the lowest id
    }

    private int DrawWhole(ReadOnlySpan<float> logits, double uniform)
    {
        double target = uniform * _scan.TotalMass;
        int block = 0;
        int lastWithMass = 0;
        for (; block < _scan.Blocks; block++)
        {
            double mass = _scan.BlockMass[block];
            lastWithMass = mass > 0 ? block : lastWithMass;
            if (target < mass)
            {
                break;
            }

            target -= mass;
        }

        block = lastWithMass;                                // rounding can move the target past the end
        _scan.Weigh(logits, block, _weights);
        return (block * LogitScan.BlockLength) + Selection.Pick(_weights, target);
    }

    private int DrawTruncated(ReadOnlySpan<float> logits, SamplingParameters parameters, double uniform)
    {
        bool topK = parameters.TopK > 0 && parameters.TopK < logits.Length;
        float minPLogit = parameters.MinP > 0 ? _scan.Max + (MathF.Log(parameters.MinP) / _scan.InverseTemperature) : float.MinValue;
        float threshold = topK ? TopKThreshold(parameters.TopK)
            : Math.Max(minPLogit, parameters.TopP < 1 ? TopPThreshold(logits.Length, parameters.TopP) : float.MinValue);

        _candidates.Gather(logits, _scan, threshold);
        if (topK)
        {
            _candidates.KeepCount(parameters.TopK);
        }

        if (parameters.TopP < 1)
        {
            _candidates.KeepMass(parameters.TopP * (topK ? _candidates.TotalMass() : _scan.TotalMass));
        }

        if (parameters.MinP > 0)
        {
            _candidates.KeepAbove(minPLogit);
        }

        return _candidates.Pick(uniform);
    }

    // At least k logits reach the k-th largest group maximum, so the k-th largest logit reaches it too.
    private float TopKThreshold(int k)
    {
        ReadOnlySpan<float> maxima = _scan.GroupMax;
        if (k > maxima.Length)
        {
            return float.MinValue;
        }

        if (_groups.Length < maxima.Length)
        {
            _groups = new float[maxima.Length];
        }

        maxima.CopyTo(_groups);
        return Math.Max(float.MinValue, Selection.KthLargest(_groups.AsSpan(0, maxima.Length), k));
    }

    // Tokens with probability below (1 - p) / V sum to less than 1 - p, so the other tokens reach p without them.
    private float TopPThreshold(int vocabulary, float topP)
    {
        double logit = _scan.Max + (Math.Log((1.0 - topP) / vocabulary * _scan.TotalMass) / _scan.InverseTemperature);
        return Math.Max(float.MinValue, (float)logit - (1e-3f * MathF.Max(1, MathF.Abs((float)logit))));
    }
}
