using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Scoring;

/// <summary>
/// <c>logprobs.onnx</c> in two sessions: the model up to the hidden states of the chosen positions, and the product with the vocabulary.
/// So a completion with more logits than fit in memory still runs through the model only once.
/// </summary>
internal sealed class LogProbGraph : IDisposable
{
    /// <summary>Name of the graph's output.</summary>
    public const string Logits = "logits";

    private static readonly string[] BodyInputs = ["input_ids", "positions"];
    private readonly InferenceSession _body;
    private readonly InferenceSession _vocabulary;
    private readonly RunOptions _runOptions = new();
    private readonly string[] _state;
    private long _runs;

    private LogProbGraph(GraphFile body, GraphFile vocabulary, EngineOptions options)
    {
        Shape = body.Shape;
        _state = [body.Model.Graph.Output[0].Name];
        _body = body.Start(options.Threads, CudaProvider.For(options));
        try
        {
            _vocabulary = vocabulary.Start(options.Threads, CudaProvider.For(options));
        }
        catch
        {
            _body.Dispose();
            throw;
        }
    }

    /// <summary>Shape of the graph, from its metadata.</summary>
    public GraphShape Shape { get; }

    /// <summary>Runs of the model since it was loaded, excluding runs of the vocabulary product.</summary>
    public long Runs => Interlocked.Read(ref _runs);

    private int Width => Shape.Width;

    /// <summary>Loads the graph, always in fp32, because scores are measurements.</summary>
    /// <exception cref="RequestFault">It cannot be loaded.</exception>
    public static LogProbGraph Load(GraphFolder folder, EngineOptions options)
    {
        var body = GraphFile.Read(folder, GraphFiles.LogProbs, GraphPrecision.Fp32);
        return new LogProbGraph(body, body.TakeLast(Logits), options);
    }

    /// <summary>Computes the hidden states of a run's positions.</summary>
    /// <returns>[N,W]; the caller disposes it.</returns>
    public NativeBuffer<float> States(ScoringChunk chunk)
    {
        var states = new NativeBuffer<float>(Math.Max(1L, (long)chunk.Positions.Length * Width));
        try
        {
            using var ids = OrtValue.CreateTensorValueFromMemory(chunk.Ids, [chunk.Rows, chunk.Width]);            // [B,T]
            using var positions = OrtValue.CreateTensorValueFromMemory(chunk.Positions, [chunk.Positions.Length]);   // [N]
            using var output = states.View(0, chunk.Positions.Length, Width);                                // [N,W]
            Interlocked.Increment(ref _runs);
            _body.Run(_runOptions, BodyInputs, [ids, positions], _state, [output]);
            return states;
        }
        catch
        {
            states.Dispose();
            throw;
        }
    }

    /// <summary>Computes the logits of a range of positions.</summary>
    /// <param name="states">[N,W]</param>
    /// <param name="first">First position.</param>
    /// <param name="count">Number of positions.</param>
    /// <param name="logits">Output, [count,V].</param>
    public void Project(NativeBuffer<float> states, int first, int count, NativeBuffer<float> logits)
    {
        using var input = states.View((long)first * Width, count, Width);
        using var output = logits.View(0, count, Shape.Vocabulary);
        _vocabulary.Run(_runOptions, _state, [input], [Logits], [output]);
    }

    public void Dispose()
    {
        _body.Dispose();
        _vocabulary.Dispose();
        _runOptions.Dispose();
    }
}
