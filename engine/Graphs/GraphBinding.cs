using Microsoft.ML.OnnxRuntime;

namespace Rudder.Engine.Graphs;

/// <summary>Binds a graph's inputs and outputs to this program's memory.</summary>
internal sealed class GraphBinding(InferenceSession session) : IDisposable
{
    private readonly OrtIoBinding _binding = session.CreateIoBinding();
    private readonly List<OrtValue> _values = [];
    private readonly List<(string Name, OrtValue Value)> _inputs = [];

    /// <summary>Binds a host input; the value is disposed with this binding.</summary>
    public void Input(string name, OrtValue value)
    {
        _inputs.Add((name, value));
        _values.Add(value);
        _binding.BindInput(name, value);
    }

    /// <summary>Binds an output; the value is disposed with this binding.</summary>
    public void Output(string name, OrtValue value)
    {
        _values.Add(value);
        _binding.BindOutput(name, value);
    }

    /// <summary>Binds an input and an output to the same memory; the value is disposed with this binding.</summary>
    public void InPlace(string input, string output, OrtValue value)
    {
        _values.Add(value);
        _binding.BindInput(input, value);
        _binding.BindOutput(output, value);
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="options">Options of the run.</param>
    /// <param name="renewInputs">True on a device: binding copies inputs there, so inputs written since then are bound again.</param>
    public void Run(RunOptions options, bool renewInputs = false)
    {
        if (renewInputs)
        {
            foreach (var (name, value) in _inputs)
            {
                _binding.BindInput(name, value);
            }
        }

        session.RunWithBinding(options, _binding);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _binding.Dispose();
        _values.ForEach(value => value.Dispose());
    }
}
