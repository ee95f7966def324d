using Microsoft.ML.OnnxRuntime;
using Rudder.InferenceService.Scheduling;
using Rudder.Sampling;

namespace Rudder.InferenceService.Engines;

/// <summary>Scores given completions with <c>logprobs.onnx</c>: length-sorted micro-batches, full logits for a bounded number of positions at a time.</summary>
internal sealed class LogProbEngine : ISequenceScorer
{
    private const string Stage = "scoring";
    private static readonly string[] InputNames = ["input_ids", "positions"];
    private static readonly string[] OutputNames = ["logits"];
    private readonly Lock _lock = new();
    private readonly InferenceSession _session;
    private readonly GraphShape _shape;
    private readonly RunOptions _runOptions = new();
    private readonly int _maxTokens;
    private readonly int _maxPositions;
    private NativeBuffer<float>? _logits;                    // [maxPositions,V], on first use
    private NativeBuffer<float>? _referenceLogits;           // the same, for a divergence

    private LogProbEngine(InferenceSession session, GraphShape shape, EngineOptions options)
    {
        (_session, _shape) = (session, shape);
        _maxTokens = options.MaxScoringTokens;
        _maxPositions = (int)Math.Max(1, Math.Min(options.MaxScoringTokens, options.MaxScoringBytes / (shape.Vocabulary * sizeof(float))));
    }

    /// <inheritdoc/>
    public int Context => _shape.Context;

    /// <inheritdoc/>
    public int Vocabulary => _shape.Vocabulary;

    /// <summary>Loads a model's log-prob graph, always in fp32: scores are measurements.</summary>
    /// <exception cref="ModelLoadException">The graph cannot be loaded.</exception>
    public static LogProbEngine Load(GraphFolder folder, EngineOptions options)
    {
        var (session, shape) = GraphSession.Open(folder, "logprobs", GraphPrecision.Fp32, options.Threads);
        return new LogProbEngine(session, shape, options);
    }

    /// <inheritdoc/>
    public IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        Check(sequences);
        float[][] tokens = [.. sequences.Select(sequence => new float[sequence.CompletionIds.Length])];
        lock (_lock)
        {
            _logits ??= Buffer();
            foreach (var chunk in Chunks(sequences))
            {
                cancellation.ThrowIfCancellationRequested();
                Run(chunk, _logits);
                for (int i = 0; i < chunk.Targets.Count; i++)
                {
                    var (sequence, place) = chunk.Targets[i];
                    float logProb = LogitMath.LogProb(Row(_logits, i), sequences[sequence].CompletionIds[place]);
                    tokens[sequence][place] = (float)EngineFaults.Finite(logProb, Stage);
                }
            }
        }

        return [.. tokens.Select(row => new SequenceScore(row.Sum(value => (double)value), row))];
    }

    /// <inheritdoc/>
    public IReadOnlyList<SequenceDivergenceScore> Diverge(
        ISequenceScorer reference, IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        var other = reference as LogProbEngine ?? throw new ArgumentException("both models of a divergence need this engine", nameof(reference));
        if (other.Vocabulary != Vocabulary)
        {
            throw new GenerationRequestException("reference", $"the reference has {other.Vocabulary} token ids and the model {Vocabulary}; a divergence needs the same vocabulary.");
        }

        Check(sequences);
        other.Check(sequences);
        var sums = new (double Kl, double Model, double Reference)[sequences.Count];
        lock (_lock)
        {
            _logits ??= Buffer();
            _referenceLogits ??= Buffer();
            foreach (var chunk in Chunks(sequences))
            {
                cancellation.ThrowIfCancellationRequested();
                Run(chunk, _logits);
                other.Run(chunk, _referenceLogits);
                Accumulate(chunk, sequences, sums);
            }
        }

        return [.. sequences.Zip(sums, (sequence, sum) => new SequenceDivergenceScore(
            sum.Kl, sum.Model - sum.Reference, sum.Model, sum.Reference, sequence.CompletionIds.Length))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _runOptions.Dispose();
            _session.Dispose();
            _logits?.Dispose();
            _referenceLogits?.Dispose();
        }
    }

    private void Accumulate(ScoringChunk chunk, IReadOnlyList<ScoredSequence> sequences, (double Kl, double Model, double Reference)[] sums)
    {
        for (int i = 0; i < chunk.Targets.Count; i++)
        {
            var (sequence, place) = chunk.Targets[i];
            int id = sequences[sequence].CompletionIds[place];
            var model = Row(_logits!, i);
            var reference = Row(_referenceLogits!, i);
            double modelLogSum = LogitMath.LogSumExp(model);
            double referenceLogSum = LogitMath.LogSumExp(reference);
            var (kl, logModel, logReference) = sums[sequence];
            sums[sequence] = (
                kl + EngineFaults.Finite(LogitMath.KlDivergence(model, reference, modelLogSum, referenceLogSum), Stage),
                logModel + EngineFaults.Finite(model[id] - modelLogSum, Stage),
                logReference + EngineFaults.Finite(reference[id] - referenceLogSum, Stage));
        }
    }

    private void Run(ScoringChunk chunk, NativeBuffer<float> logits)
    {
        using var ids = OrtValue.CreateTensorValueFromMemory(chunk.Ids, [chunk.Rows, chunk.Width]);        // [B,T]
        using var positions = OrtValue.CreateTensorValueFromMemory(chunk.Positions, [chunk.Positions.Length]);   // [N]
        using var output = logits.View(0, chunk.Positions.Length, Vocabulary);                             // [N,V]
        _session.Run(_runOptions, InputNames, [ids, positions], OutputNames, [output]);
    }

    private IEnumerable<ScoringChunk> Chunks(IReadOnlyList<ScoredSequence> sequences)
    {
        int[] lengths = [.. sequences.Select(ScoringChunk.FedTokens)];
        int[] outputs = [.. sequences.Select(sequence => sequence.CompletionIds.Length)];
        return MicroBatcher.Split(lengths, outputs, _maxTokens, _maxPositions)
            .SelectMany(rows => ScoringChunk.Make(sequences, rows, _maxPositions));
    }

    private ReadOnlySpan<float> Row(NativeBuffer<float> logits, int position) => logits.Span((long)position * Vocabulary, Vocabulary);

    private NativeBuffer<float> Buffer() => new((long)_maxPositions * Vocabulary);

    private void Check(IReadOnlyList<ScoredSequence> sequences)
    {
        for (int i = 0; i < sequences.Count; i++)
        {
            string field = $"sequences[{i}]";
            var sequence = sequences[i];
            if (sequence.PromptIds.Length == 0)
            {
                throw new GenerationRequestException($"{field}.prompt_ids", $"{field}.prompt_ids is empty; give at least one id, for instance the model's end-of-text id.");
            }

            RequestLimits.CheckIds($"{field}.prompt_ids", sequence.PromptIds, Vocabulary);
            RequestLimits.CheckIds($"{field}.completion_ids", sequence.CompletionIds, Vocabulary);
            int length = sequence.PromptIds.Length + sequence.CompletionIds.Length;
            if (length > Context)
            {
                throw new GenerationRequestException(field, $"{field} has {length} ids; the model takes at most {Context}. Shorten it.");
            }
        }
    }
}
