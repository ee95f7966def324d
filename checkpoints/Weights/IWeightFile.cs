namespace Rudder.Checkpoints;

/// <summary>One opened file of weights, whatever its format: names, types and shapes known and checked, data read on demand.</summary>
internal interface IWeightFile : IDisposable
{
    /// <summary>The file, for messages.</summary>
    string Path { get; }

    /// <summary>What it holds, in the file's order.</summary>
    IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Reads elements as stored, little-endian, from an element offset on. Safe for several threads.</summary>
    void Read(TensorInfo tensor, long firstElement, Span<byte> destination);
}
