using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Logits;

/// <summary>One loaded graph on ONNX Runtime's CPU provider: arrays in, arrays out.</summary>
internal sealed class OnnxSession : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();

    /// <summary>Loads a graph.</summary>
    /// <param name="path">The .onnx file; its weights lie beside it.</param>
    /// <param name="threads">Threads of one product; 0: ONNX Runtime's choice.</param>
    public OnnxSession(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        session = new InferenceSession(path, options);
        Metadata = GraphMetadata.Read(session.ModelMetadata.CustomMetadataMap, path);
    }

    /// <summary>What the graph states about itself.</summary>
    public GraphMetadata Metadata { get; }

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">Values by input name; the caller disposes them.</param>
    /// <param name="outputs">Names of the outputs wanted.</param>
    /// <returns>One value per name, in that order; the caller disposes the collection.</returns>
    public IDisposableReadOnlyCollection<OrtValue> Run(IReadOnlyDictionary<string, OrtValue> inputs, IReadOnlyCollection<string> outputs) =>
        session.Run(runOptions, inputs, outputs);

    /// <summary>Wraps an array as a tensor without copying it.</summary>
    public static OrtValue Tensor<T>(T[] values, params long[] shape)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(values, shape);

    /// <inheritdoc/>
    public void Dispose()
    {
        runOptions.Dispose();
        session.Dispose();
    }
}
