using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>Opens ONNX Runtime sessions, all with the same settings.</summary>
internal static class GraphSession
{
    /// <summary>Loads a verified decoder or classifier.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="precision">Which of the model's main graphs.</param>
    /// <param name="threads">Threads to compute with; 0 is one per processor.</param>
    /// <param name="cuda">The device it computes on; null: the processor.</param>
    /// <exception cref="RequestFault">The graph is missing, damaged, of another model or precision, or not loadable.</exception>
    public static (InferenceSession Session, GraphShape Shape) Open(
        GraphFolder folder, GraphPrecision precision, int threads, CudaProvider? cuda = null)
    {
        var file = GraphFile.Read(folder, GraphFiles.Model(precision), precision);
        return (file.Start(threads, cuda), file.Shape);
    }

    /// <summary>Session settings, with their reasons.</summary>
    public static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,                           // the graphs are chains: nothing runs side by side
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            EnableCpuMemArena = true,                        // a step's intermediates are reused by the next one
            EnableMemoryPattern = false,                     // shapes change from step to step; a pattern would be kept for each
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Threads spin between the operators of a run, which follow each other by microseconds, and sleep between runs: several
        // models, a web server and often a trainer share the machine.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        if (!ByteProducts.AreExact)
        {
            // Products of bytes that cannot overflow, at a third of the speed.
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
        }

        // Arithmetic on denormals is a hundred times slower, and nothing here depends on them.
        options.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        return options;
    }
}
