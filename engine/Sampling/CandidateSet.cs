using System.Numerics;

namespace Rudder.Engine.Sampling;

/// <summary>Tokens that may survive top-k, top-p and min-p: collected above a threshold, then cut by selection, not sorted.</summary>
/// <remarks>Tokens rank by higher logit, then by lower id. Not thread-safe; reused from row to row.</remarks>
internal sealed class CandidateSet
{
    private float[] _logits = [];
    private float[] _weights = [];
    private int[] _ids = [];

    public int Count { get; private set; }

    /// <summary>Collects every token with a logit of at least the threshold, with its weight e^((logit - max) / temperature).</summary>
    public void Gather(ReadOnlySpan<float> logits, LogitScan scan, float threshold)
    {
        Reserve(logits.Length);
        Count = 0;
        var floor = new Vector<float>(threshold);
        for (int block = 0; block < scan.Blocks; block++)
        {
            if (scan.BlockMax[block] >= threshold)
            {
                GatherBlock(logits, block * LogitScan.BlockLength, floor, threshold);
            }
        }

        Weigh(scan);
    }

    /// <summary>Keeps the <paramref name="k"/> highest-ranked tokens.</summary>
    public void KeepCount(int k)
    {
        int low = 0;
        int high = Count;
        while (k < Count && high - low > 1)
        {
            int pivot = Partition(low, high);
            if (pivot == k)
            {
                break;
            }

            (low, high) = pivot < k ? (pivot + 1, high) : (low, pivot);
        }

        Count = Math.Min(Count, k);
    }

    /// <summary>Keeps the fewest highest-ranked tokens with weights that reach <paramref name="target"/>; otherwise all.</summary>
    public void KeepMass(double target)
    {
        int low = 0;
        int high = Count;
        double reached = 0;                                  // weight of [0, low), always below the target
        while (high - low > 1)
        {
            int pivot = Partition(low, high);
            double above = reached + Sum(low, pivot);
            if (above >= target)
            {
                high = pivot;
            }
            else
            {
                reached = above + _weights[pivot];
                low = pivot + 1;
                high = reached >= target ? low : high;
            }
        }

        Count = Math.Min(Count, Math.Max(high, 1));
    }

    /// <summary>Keeps tokens with a logit of at least the threshold.</summary>
    public void KeepAbove(float threshold)
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_logits[i] >= threshold)
            {
                (_logits[kept], _weights[kept], _ids[kept]) = (_logits[i], _weights[i], _ids[i]);
                kept++;
            }
        }

        Count = kept;
    }

    public double TotalMass() => Sum(0, Count);

    /// <summary>Gets the token where the running sum of weights passes a fraction of the total.</summary>
    public int Pick(double uniform) => _ids[Selection.Pick(_weights.AsSpan(0, Count), uniform * TotalMass())];

    private void GatherBlock(ReadOnlySpan<float> logits, int start, Vector<float> floor, float threshold)
    {
        int end = Math.Min(start + LogitScan.BlockLength, logits.Length);
        for (int i = start; i < end; i += Vector<float>.Count)
        {
            int stop = Math.Min(i + Vector<float>.Count, end);
            if (stop - i == Vector<float>.Count && !Vector.GreaterThanOrEqualAny(new Vector<float>(logits[i..]), floor))
            {
                continue;
            }

            for (int j = i; j < stop; j++)
            {
                if (logits[j] >= threshold)
                {
                    _logits[Count] = logits[j];
                    _ids[Count++] = j;
                }
            }
        }
    }

    private void Weigh(LogitScan scan)
    {
        var max = new Vector<float>(scan.Max);
        var scale = new Vector<float>(scan.InverseTemperature);
        for (int i = 0; i < Count; i += Vector<float>.Count)
        {
            VectorExp.Exp((new Vector<float>(_logits, i) - max) * scale).CopyTo(_weights, i);
        }
    }

    // The pivot is the median of three. Returns its final index: higher ranks come before it, lower ranks after it.
    private int Partition(int low, int high)
    {
        int last = high - 1;
        int middle = low + ((high - low) / 2);
        if (Precedes(middle, low))
        {
            Swap(middle, low);
        }

        if (Precedes(last, low))
        {
            Swap(last, low);
        }

        if (Precedes(middle, last))
        {
            Swap(middle, last);
        }

        int place = low;
        for (int i = low; i < last; i++)
        {
            if (Precedes(i, last))
            {
                Swap(i, place++);
            }
        }

        Swap(place, last);
        return place;
    }

    private bool Precedes(int a, int b) => _logits[a] > _logits[b] || (_logits[a] == _logits[b] && _ids[a] < _ids[b]);

    private void Swap(int a, int b)
    {
        (_logits[a], _logits[b]) = (_logits[b], _logits[a]);
        (_weights[a], _weights[b]) = (_weights[b], _weights[a]);
        (_ids[a], _ids[b]) = (_ids[b], _ids[a]);
    }

    private double Sum(int from, int to)
    {
        double sum = 0;
        for (int i = from; i < to; i++)
        {
            sum += _weights[i];
        }

        return sum;
    }

    private void Reserve(int vocabulary)
    {
        int length = vocabulary + Vector<float>.Count;       // vector stores may write past the end
        if (_ids.Length < length)
        {
            _logits = new float[length];
            _weights = new float[length];
            _ids = new int[length];
        }
    }
}
