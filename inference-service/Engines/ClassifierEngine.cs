using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.InferenceService.Scheduling;

namespace Rudder.InferenceService.Engines;

/// <summary>Classifies texts with <c>classifier.onnx</c>: long texts in consecutive windows, windows in length-sorted micro-batches.</summary>
internal sealed class ClassifierEngine : ITextClassifier
{
    private const int SpecialTokens = 2;                     // one before and one after each window
    private static readonly string[] InputNames = ["input_ids", "attention_mask"];
    private static readonly string[] OutputNames = ["logits"];
    private readonly Lock _lock = new();
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly int _beginId;
    private readonly int _endId;
    private readonly int _padId;
    private readonly int _maxTokens;

    private ClassifierEngine(InferenceSession session, GraphShape shape, RobertaConfig config, EngineOptions options)
    {
        _session = session;
        Fingerprint = shape.Fingerprint;
        Labels = config.Labels;
        Context = config.Context;
        Vocabulary = config.VocabularySize;
        (_beginId, _endId, _padId) = (config.BosId ?? 0, config.EosId ?? 2, config.PadId ?? 1);   // RoBERTa's own ids where the config names none
        _maxTokens = options.MaxScoringTokens;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Labels { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public int Context { get; }

    /// <inheritdoc/>
    public int Vocabulary { get; }

    /// <summary>Loads a classifier's graph.</summary>
    /// <exception cref="ModelLoadException">The graph cannot be loaded.</exception>
    public static ClassifierEngine Load(GraphFolder folder, EngineOptions options)
    {
        var config = ModelConfig.Load<RobertaConfig>(folder.ModelFolder);
        var (session, shape) = GraphSession.Open(folder, "classifier", options.Precision, options.Threads);
        return new ClassifierEngine(session, shape, config, options);
    }

    /// <inheritdoc/>
    public IReadOnlyList<TextClassification> Classify(IReadOnlyList<int[]> texts, CancellationToken cancellation)
    {
        for (int i = 0; i < texts.Count; i++)
        {
            RequestLimits.CheckIds($"inputs[{i}]", texts[i], Vocabulary);
        }

        int[][][] windows = [.. texts.Select(Windows)];
        var probabilities = Run([.. windows.SelectMany(text => text)], cancellation);
        var results = new TextClassification[texts.Count];
        int first = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            results[i] = new TextClassification(Mean(probabilities.AsSpan(first, windows[i].Length)), windows[i].Length);
            first += windows[i].Length;
        }

        return results;
    }

    /// <inheritdoc/>
    public IReadOnlyList<TextClassification> ClassifyIds(IReadOnlyList<int[]> sequences, CancellationToken cancellation)
    {
        for (int i = 0; i < sequences.Count; i++)
        {
            string field = $"inputs[{i}]";
            RequestLimits.CheckIds(field, sequences[i], Vocabulary);
            if (sequences[i].Length == 0 || sequences[i].Length > Context)
            {
                throw new GenerationRequestException(field, $"{field} has {sequences[i].Length} ids; the classifier takes 1 to {Context}. Send the text to have it cut into windows.");
            }
        }

        return [.. Run(sequences, cancellation).Select(row => new TextClassification(row, 1))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _runOptions.Dispose();
            _session.Dispose();
        }
    }

    private int[][] Windows(int[] text) => text.Length == 0
        ? [[_beginId, _endId]]
        : [.. text.Chunk(Context - SpecialTokens).Select(window => (int[])[_beginId, .. window, _endId])];

    private float[][] Run(IReadOnlyList<int[]> sequences, CancellationToken cancellation)
    {
        var results = new float[sequences.Count][];
        int[] lengths = [.. sequences.Select(sequence => sequence.Length)];
        lock (_lock)
        {
            foreach (int[] rows in MicroBatcher.Split(lengths, lengths, _maxTokens, long.MaxValue))
            {
                cancellation.ThrowIfCancellationRequested();
                RunBatch(sequences, rows, results);
            }
        }

        return results;
    }

    private void RunBatch(IReadOnlyList<int[]> sequences, int[] rows, float[][] results)
    {
        int width = sequences[rows[0]].Length;               // longest first
        long[] ids = new long[rows.Length * width];
        long[] mask = new long[ids.Length];
        Array.Fill(ids, _padId);
        for (int b = 0; b < rows.Length; b++)
        {
            int[] sequence = sequences[rows[b]];
            for (int t = 0; t < sequence.Length; t++)
            {
                ids[(b * width) + t] = sequence[t];
                mask[(b * width) + t] = 1;
            }
        }

        using var idsValue = OrtValue.CreateTensorValueFromMemory(ids, [rows.Length, width]);     // [B,T]
        using var maskValue = OrtValue.CreateTensorValueFromMemory(mask, [rows.Length, width]);   // [B,T]
        using var outputs = _session.Run(_runOptions, InputNames, [idsValue, maskValue], OutputNames);
        var logits = outputs[0].GetTensorDataAsSpan<float>();                                     // [B,L]
        for (int b = 0; b < rows.Length; b++)
        {
            results[rows[b]] = Softmax(logits.Slice(b * Labels.Count, Labels.Count));
        }
    }

    private static float[] Softmax(ReadOnlySpan<float> logits)
    {
        float[] probabilities = new float[logits.Length];
        System.Numerics.Tensors.TensorPrimitives.SoftMax(logits, probabilities);
        foreach (float probability in probabilities)
        {
            EngineFaults.Finite(probability, "classifying");
        }

        return probabilities;
    }

    private static float[] Mean(ReadOnlySpan<float[]> rows)
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
