using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Scoring;

/// <summary>Classifies texts with <c>model.onnx</c>: long texts in windows, in length-sorted micro-batches, equal windows once.</summary>
internal sealed class ClassifierEngine : IDisposable
{
    private const int MergedBatches = 4;                     // full micro-batches that one run takes from the waiting calls
    private readonly Lock _lock = new();
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly int[] _before, _after;                  // special tokens around each window of a text
    private readonly int[] _empty;                           // stands for an empty text
    private readonly int _maxTokens;
    private readonly ClassifierBatch _batch;
    private readonly ScoringQueue _queue;
    private bool _disposed;

    private ClassifierEngine(InferenceSession session, GraphShape shape, ModelConfig config, EngineOptions options)
    {
        _session = session;
        Fingerprint = shape.Fingerprint;
        Labels = config.Labels;
        Context = config.Context;
        Vocabulary = config.VocabularySize;
        _before = config.WrapsTexts ? [config.BosId ?? 0] : [];                                   // RoBERTa's ids by default
        _after = config.WrapsTexts ? [config.EosId ?? 2] : [];
        _empty = config.WrapsTexts ? [.. _before, .. _after] : [config.EosId ?? config.PadId ?? 0];
        _batch = new ClassifierBatch(Labels.Count, config.PadId ?? 1);
        _maxTokens = options.MaxScoringTokens;
        _queue = new ScoringQueue((long)MergedBatches * _maxTokens, Run);
    }

    /// <summary>Names of the labels, in the order of the probabilities. A model with one label gives a score instead.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>SHA-256 of the model folder, hex.</summary>
    public string Fingerprint { get; }

    /// <summary>Maximum tokens of one window, special tokens included.</summary>
    public int Context { get; }

    public int Vocabulary { get; }

    /// <summary>Windows that ran since the graph was loaded, without repeats.</summary>
    public long WindowsRun { get; private set; }

    /// <summary>Loads a classifier's graph.</summary>
    /// <exception cref="RequestFault">The graph cannot be loaded.</exception>
    public static ClassifierEngine Load(GraphFolder folder, EngineOptions options)
    {
        var config = ModelConfig.Load(folder.ModelFolder);
        if (!config.IsClassifier)
        {
            throw RequestFault.Unusable($"{folder.ModelFolder} is a generator", "a classifier is needed", "Give the folder of a classifier.");
        }

        var (session, shape) = GraphSession.Open(folder, options.Precision, options.Threads, CudaProvider.For(options));
        return new ClassifierEngine(session, shape, config, options);
    }

    /// <summary>Cuts a text into windows that fit the context, and adds the special tokens.</summary>
    public int[][] Windows(int[] ids) => ids.Length == 0
        ? [_empty]
        : [.. ids.Chunk(Context - _before.Length - _after.Length).Select(window => (int[])[.. _before, .. window, .. _after])];

    /// <summary>Classifies texts, batched with other calls that wait at the same time.</summary>
    /// <param name="texts">The windows of each text: ids of the model, special tokens included, at most <see cref="Context"/> of them.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Ends the call at once.</param>
    /// <returns>One result per text, in order.</returns>
    /// <exception cref="EngineFailedException">The model's output is not finite.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled; other calls continue.</exception>
    public async Task<IReadOnlyList<TextClassification>> ClassifyAsync(IReadOnlyList<int[][]> texts, string client, CancellationToken cancellation)
    {
        var distinct = new DistinctSequences([.. texts.SelectMany(windows => windows)]);          // equal windows may run apart
        var values = distinct.Spread(await _queue.RunAsync(distinct.Items, client, cancellation)).Select(Values).ToList();
        var results = new List<TextClassification>(texts.Count);
        int first = 0;
        foreach (var windows in texts)
        {
            results.Add(new TextClassification(Mean(values.GetRange(first, windows.Length)), windows.Length));
            first += windows.Length;
        }

        return results;
    }

    /// <summary>Label logits of sequences that fit the model as they are, in order.</summary>
    /// <returns>[N][L]</returns>
    public float[][] Logits(IReadOnlyList<int[]> sequences) => Run(sequences, CancellationToken.None);

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _runOptions.Dispose();
            _session.Dispose();
            _batch.Dispose();
        }
    }

    private float[][] Run(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        var distinct = new DistinctSequences(windows);
        var results = new float[distinct.Items.Count][];
        int[] lengths = [.. distinct.Items.Select(window => window.Length)];
        lock (_lock)
        {
            foreach (int[] rows in MicroBatcher.Split(lengths, lengths, _maxTokens, long.MaxValue))
            {
                cancellation.ThrowIfCancellationRequested();
                RunBatch(distinct.Items, rows, results);
            }
        }

        return distinct.Spread(results);
    }

    private void RunBatch(IReadOnlyList<int[]> windows, int[] rows, float[][] results)
    {
        if (_disposed)
        {
            throw EngineFaults.Stopped();                    // all callers of a merged run have left and the model was unloaded
        }

        var logits = _batch.Run(_session, _runOptions, windows, rows);                            // [B,L]
        for (int b = 0; b < rows.Length; b++)
        {
            results[rows[b]] = logits.Slice(b * Labels.Count, Labels.Count).ToArray();
        }

        WindowsRun += rows.Length;
    }

    /// <summary>Probabilities of several labels. The logit of a single one is a score: its probability would always be 1.</summary>
    private static float[] Values(float[] logits)
    {
        float[] values = [.. logits];
        if (logits.Length > 1)
        {
            System.Numerics.Tensors.TensorPrimitives.SoftMax(logits, values);
        }

        foreach (float value in values)
        {
            EngineFaults.Finite(value, "classifying");
        }

        return values;
    }

    private static float[] Mean(List<float[]> rows)
    {
        float[] mean = new float[rows[0].Length];
        foreach (float[] row in rows)
        {
            for (int label = 0; label < mean.Length; label++)
            {
                mean[label] += row[label] / rows.Count;
            }
        }

        return mean;
    }
}
