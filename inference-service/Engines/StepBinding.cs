using Microsoft.ML.OnnxRuntime;

namespace Rudder.InferenceService.Engines;

/// <summary>One binding of the decoder graph to memory: caches of a range of slots in place, and the inputs and logits given.</summary>
internal sealed class StepBinding : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly List<OrtValue> _values = [];

    /// <summary>Binds past and present of every layer to the same rows of the arena.</summary>
    public StepBinding(InferenceSession session, KeyValueArena arena, int layers, int firstRow, int rows)
    {
        _session = session;
        _binding = session.CreateIoBinding();
        for (int layer = 0; layer < layers; layer++)
        {
            BindCache(arena.View(2 * layer, firstRow, rows), layer, "key");
            BindCache(arena.View((2 * layer) + 1, firstRow, rows), layer, "value");
        }
    }

    /// <summary>Binds an input; the value is disposed with this binding.</summary>
    public void Input(string name, OrtValue value)
    {
        _values.Add(value);
        _binding.BindInput(name, value);
    }

    /// <summary>Binds an output; the value is disposed with this binding.</summary>
    public void Output(string name, OrtValue value)
    {
        _values.Add(value);
        _binding.BindOutput(name, value);
    }

    /// <summary>Runs the graph.</summary>
    public void Run(RunOptions options) => _session.RunWithBinding(options, _binding);

    /// <inheritdoc/>
    public void Dispose()
    {
        _binding.Dispose();
        _values.ForEach(value => value.Dispose());
    }

    private void BindCache(OrtValue rows, int layer, string part)
    {
        Input($"past_key_values.{layer}.{part}", rows);
        _binding.BindOutput($"present.{layer}.{part}", rows);
    }
}
