namespace Rudder.Checkpoints;

/// <summary>An open weight file of any format. Names, types and shapes are checked; data is read on demand.</summary>
internal interface IWeightFile : IDisposable
{
    /// <summary>The file, for messages.</summary>
    string Path { get; }

    /// <summary>Its tensors, in file order.</summary>
    IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Reads stored elements, little-endian, starting at an element offset. Thread-safe.</summary>
    void Read(TensorInfo tensor, long firstElement, Span<byte> destination);
}
