using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>Opens ONNX Runtime sessions with common settings.</summary>
internal static class GraphSession
{
    /// <summary>Loads a verified decoder or classifier.</summary>
    /// <param name="folder">Folder of the graph.</param>
    /// <param name="precision">Precision of the model's main graph.</param>
    /// <param name="threads">Compute threads; 0 means one per processor.</param>
    /// <param name="cuda">The device to run on; null for the processor.</param>
    /// <exception cref="RequestFault">The graph is missing, damaged, of another model or precision, or cannot be loaded.</exception>
    public static (InferenceSession Session, GraphShape Shape) Open(
        GraphFolder folder, GraphPrecision precision, int threads, CudaProvider? cuda = null)
    {
        var file = GraphFile.Read(folder, GraphFiles.Model(precision), precision);
        return (file.Start(threads, cuda), file.Shape);
    }

    /// <summary>Creates session settings, each with its reason.</summary>
    public static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,                           // the graphs are chains: no operators run in parallel
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            EnableCpuMemArena = true,                        // the next step reuses a step's intermediates
            EnableMemoryPattern = false,                     // shapes change from step to step; each would keep its own pattern
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Threads spin between the operators of a run, which are microseconds apart, and sleep between runs, because several models, a
        // web server and often a trainer share the machine.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        if (!ByteProducts.AreExact)
        {
            // Uses byte products that cannot overflow, at a third of the speed.
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
        }

        // Arithmetic on denormals is a hundred times slower, and the results here do not depend on them.
        options.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        return options;
    }
}
