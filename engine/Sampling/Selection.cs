namespace Rudder.Engine.Sampling;

/// <summary>Selection without sorting.</summary>
internal static class Selection
{
    /// <summary>Finds the k-th largest value, k from 1, in expected linear time; reorders the values.</summary>
    public static float KthLargest(Span<float> values, int k)
    {
        int low = 0;
        int high = values.Length - 1;
        while (low < high)
        {
            (int last, int first) = Partition(values, low, high);
            if (k - 1 <= last)
            {
                high = last;
            }
            else if (k - 1 >= first)
            {
                low = first;
            }
            else
            {
                break;
            }
        }

        return values[k - 1];
    }

    /// <summary>The index where the running sum of weights passes a target; the last one with a weight if rounding puts the target past the end.</summary>
    public static int Pick(ReadOnlySpan<float> weights, double target)
    {
        int last = 0;
        for (int i = 0; i < weights.Length && target >= 0; i++)
        {
            target -= weights[i];
            last = weights[i] > 0 ? i : last;
        }

        return last;
    }

    /// <summary>Moves values at least as large as the pivot to the left, and values at most as large to the right.</summary>
    /// <returns>End of the left part and start of the right part; values between them equal the pivot.</returns>
    private static (int Last, int First) Partition(Span<float> values, int low, int high)
    {
        float pivot = values[low + ((high - low) / 2)];
        int i = low;
        int j = high;
        while (i <= j)
        {
            while (values[i] > pivot)
            {
                i++;
            }

            while (values[j] < pivot)
            {
                j--;
            }

            if (i <= j)
            {
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }
        }

        return (j, i);
    }
}
