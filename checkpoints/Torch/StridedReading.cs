namespace Rudder.Checkpoints;

/// <summary>Reads a tensor's elements in row-major order from a storage with any strides.</summary>
internal static class StridedReading
{
    /// <summary>Fills <paramref name="destination"/> with elements from <paramref name="firstElement"/> on.</summary>
    public static void Read(StorageReader storage, TorchTensor view, long firstElement, Span<byte> destination)
    {
        int size = TensorInfo.SizeOf(view.Storage.Type);
        if (IsContiguous(view))
        {
            storage.Read((view.Offset + firstElement) * size, destination);
            return;
        }

        // Rare: a transposed weight was saved.
        var whole = storage.Whole();
        for (int i = 0; i < destination.Length / size; i++)
        {
            long place = Place(view, firstElement + i);
            whole.Slice((int)(place * size), size).CopyTo(destination[(i * size)..]);
        }
    }

    private static bool IsContiguous(TorchTensor view)
    {
        long expected = 1;
        for (int i = view.Shape.Length - 1; i >= 0; i--)
        {
            if (view.Shape[i] != 1 && view.Strides[i] != expected)
            {
                return false;
            }

            expected *= view.Shape[i];
        }

        return true;
    }

    private static long Place(TorchTensor view, long element)
    {
        long place = view.Offset;
        for (int i = view.Shape.Length - 1; i >= 0; i--)
        {
            place += element % view.Shape[i] * view.Strides[i];
            element /= view.Shape[i];
        }

        return place;
    }
}
