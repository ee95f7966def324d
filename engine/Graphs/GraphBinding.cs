using Microsoft.ML.OnnxRuntime;

namespace Rudder.Engine.Graphs;

/// <summary>A graph's inputs and outputs, bound to memory of our own.</summary>
/// <param name="session">The graph.</param>
internal class GraphBinding(InferenceSession session) : IDisposable
{
    private readonly OrtIoBinding _binding = session.CreateIoBinding();
    private readonly List<OrtValue> _values = [];
    private readonly List<(string Name, OrtValue Value)> _inputs = [];

    /// <summary>Binds an input on the host; the value is disposed with this binding.</summary>
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

    /// <summary>Runs the graph.</summary>
    /// <param name="options">Of the run.</param>
    /// <param name="renewInputs">Whether the graph runs on a device: its inputs were copied there when they were bound, so what was written since is bound anew.</param>
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

    /// <summary>Binds an input and an output to the same memory; the value is disposed with this binding.</summary>
    protected void InPlace(string input, string output, OrtValue value)
    {
        _values.Add(value);
        _binding.BindInput(input, value);
        _binding.BindOutput(output, value);
    }
}
