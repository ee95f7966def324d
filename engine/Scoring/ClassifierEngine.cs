using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Scoring;

/// <summary>Classifies texts with <c>model.onnx</c>: long texts in windows, in length-sorted micro-batches, equal windows once.</summary>
internal sealed class ClassifierEngine : IClassifier
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

    /// <inheritdoc/>
    public IReadOnlyList<string> Labels { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public int Context { get; }

    /// <inheritdoc/>
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

    /// <inheritdoc/>
    public IReadOnlyList<TextClassification> Classify(IReadOnlyList<int[]> texts, CancellationToken cancellation) =>
        RunAlone([.. texts.Select(ids => new ClassifierInput(ids, IsText: true))], cancellation);

    /// <inheritdoc/>
    public IReadOnlyList<TextClassification> ClassifyIds(IReadOnlyList<int[]> sequences, CancellationToken cancellation) =>
        RunAlone([.. sequences.Select(ids => new ClassifierInput(ids, IsText: false))], cancellation);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<TextClassification>> ClassifyAsync(
        IReadOnlyList<ClassifierInput> inputs, string client, CancellationToken cancellation)
    {
        int[][][] windows = Windows(inputs);
        var distinct = new DistinctSequences([.. windows.SelectMany(input => input)]);            // equal windows may run apart
        return Collect(windows, distinct.Spread(await _queue.RunAsync(distinct.Items, client, cancellation)));
    }

    /// <summary>Label logits of sequences that fit the model as they are, in order.</summary>
    /// <returns>[N][L]</returns>
    public float[][] Logits(IReadOnlyList<int[]> sequences) => Run(sequences, CancellationToken.None);

    /// <inheritdoc/>
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

    private TextClassification[] RunAlone(ClassifierInput[] inputs, CancellationToken cancellation)
    {
        int[][][] windows = Windows(inputs);
        return Collect(windows, Run([.. windows.SelectMany(input => input)], cancellation));
    }

    private int[][][] Windows(IReadOnlyList<ClassifierInput> inputs) => [.. inputs.Select((input, i) => Windows($"inputs[{i}]", input))];

    private int[][] Windows(string field, ClassifierInput input)
    {
        int[] ids = input.Ids;
        if (input.IsText)
        {
            RequestLimits.Ids($"{field}.ids", ids, Vocabulary);
            return ids.Length == 0
                ? [_empty]
                : [.. ids.Chunk(Context - _before.Length - _after.Length).Select(window => (int[])[.. _before, .. window, .. _after])];
        }

        RequestLimits.Length($"{field}.ids", ids.Length, 1, Context, "ids", "Send its text, which is read in windows, or shorten it.");
        RequestLimits.Ids($"{field}.ids", ids, Vocabulary);
        return [ids];
    }

    private static TextClassification[] Collect(int[][][] windows, float[][] logits)
    {
        var results = new TextClassification[windows.Length];
        int first = 0;
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = new TextClassification(Mean([.. logits.Skip(first).Take(windows[i].Length).Select(Values)]), windows[i].Length);
            first += windows[i].Length;
        }

        return results;
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

    private static float[] Mean(float[][] rows)
    {
        float[] mean = new float[rows[0].Length];
        foreach (float[] row in rows)
        {
            for (int label = 0; label < mean.Length; label++)
            {
                mean[label] += row[label] / rows.Length;
            }
        }

        return mean;
    }
}
