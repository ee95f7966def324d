namespace Rudder.Sampling;

/// <summary>Selection without sorting.</summary>
internal static class Selection
{
    /// <summary>The k-th largest value, k from 1, in expected linear time; reorders the values.</summary>
    public static float KthLargest(Span<float> values, int k)
    {
        int low = 0;
        int high = values.Length - 1;
        while (low < high)
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

            if (k - 1 <= j)
            {
                high = j;
            }
            else if (k - 1 >= i)
            {
                low = i;
            }
            else
            {
                return values[k - 1];
            }
        }

        return values[k - 1];
    }
}
