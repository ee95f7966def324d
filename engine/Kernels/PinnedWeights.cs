using System.Buffers;

namespace Rudder.Engine.Kernels;

/// <summary>New values of weights that stay at their addresses until this is disposed.</summary>
internal sealed unsafe class PinnedWeights : IDisposable
{
    private readonly Dictionary<string, MemoryHandle> _pins = new(StringComparer.Ordinal);

    /// <summary>Pins all values; pins nothing if one of them cannot be pinned.</summary>
    /// <param name="weights">Values by name.</param>
    public PinnedWeights(IReadOnlyDictionary<string, ReadOnlyMemory<float>> weights)
    {
        try
        {
            foreach (var (name, values) in weights)
            {
                _pins.Add(name, values.Pin());
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Address of the first value of a weight.</summary>
    public nint this[string name] => (nint)_pins[name].Pointer;

    public void Dispose()
    {
        foreach (var pin in _pins.Values)
        {
            pin.Dispose();
        }

        _pins.Clear();
    }
}
