using Microsoft.ML.OnnxRuntime;
using Rudder.InferenceService.Scheduling;
using Rudder.Sampling;

namespace Rudder.InferenceService.Engines;

/// <summary>Scores given completions with <c>logprobs.onnx</c>: length-sorted micro-batches, full logits for a bounded number of positions at a time.</summary>
/// <remarks>
/// Memory beside the weights is bounded whatever the number of sequences: <see cref="ScoringBytes"/> of logits, and what the
/// graph computes on MaxScoringTokens tokens. A completion with more positions than the logits hold takes several runs, of
/// which each goes over the tokens before it again; MaxScoringBytes of context × V × 4 avoids that.
/// </remarks>
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
    private readonly int _threads;
    private NativeBuffer<float>? _logits;                    // [maxPositions,V], on first use
    private NativeBuffer<float>? _referenceLogits;           // the same, for a divergence

    private LogProbEngine(InferenceSession session, GraphShape shape, EngineOptions options)
    {
        (_session, _shape) = (session, shape);
        _maxTokens = options.MaxScoringTokens;
        _maxPositions = (int)Math.Max(1, Math.Min(options.MaxScoringTokens, options.MaxScoringBytes / ((long)shape.Vocabulary * sizeof(float))));
        _threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
    }

    /// <inheritdoc/>
    public int Context => _shape.Context;

    /// <inheritdoc/>
    public int Vocabulary => _shape.Vocabulary;

    /// <summary>Bytes of logits held now: at most MaxScoringBytes, or one position's if that is more, and twice that after a divergence.</summary>
    public long ScoringBytes => ((_logits?.Length ?? 0) + (_referenceLogits?.Length ?? 0)) * sizeof(float);

    /// <summary>Loads a model's log-prob graph, always in fp32: scores are measurements.</summary>
    /// <exception cref="ModelLoadException">The graph cannot be loaded.</exception>
    public static LogProbEngine Load(GraphFolder folder, EngineOptions options)
    {
        var (session, shape) = GraphSession.Open(folder, "logprobs", GraphPrecision.Fp32, options.Threads, CudaProvider.For(options));
        return new LogProbEngine(session, shape, options);
    }

    /// <inheritdoc/>
    public IEnumerable<int[]> Batches(IReadOnlyList<ScoredSequence> sequences)
    {
        int[] lengths = [.. sequences.Select(ScoringChunk.FedTokens)];
        int[] outputs = [.. sequences.Select(sequence => sequence.CompletionIds.Length)];
        return MicroBatcher.Split(lengths, outputs, _maxTokens, _maxPositions);
    }

    /// <inheritdoc/>
    public IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        Check(sequences);
        float[][] tokens = [.. sequences.Select(sequence => new float[sequence.CompletionIds.Length])];
        IReadOnlyList<RankedToken[][]?> top =
            [.. sequences.Select(sequence => sequence.TopLogProbs > 0 ? new RankedToken[sequence.CompletionIds.Length][] : null)];
        lock (_lock)
        {
            _logits ??= Buffer();
            foreach (var chunk in Chunks(sequences))
            {
                cancellation.ThrowIfCancellationRequested();
                Run(chunk, _logits);
                float[] logProbs = LogitRows.LogProbs(_logits, Vocabulary, chunk.Targets, _threads);
                for (int i = 0; i < logProbs.Length; i++)
                {
                    var (sequence, place) = chunk.Places[i];
                    tokens[sequence][place] = (float)EngineFaults.Finite(logProbs[i], Stage);
                }

                if (top.Any(places => places is not null))
                {
                    Rank(chunk, sequences, top);
                }
            }
        }

        return [.. tokens.Select((row, i) => new SequenceScore(row.Sum(value => (double)value), row) { Top = top[i] })];
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
                Accumulate(chunk, sums);
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

    /// <summary>Finds the most probable tokens of a run's places for the sequences that ask for them.</summary>
    private void Rank(ScoringChunk chunk, IReadOnlyList<ScoredSequence> sequences, IReadOnlyList<RankedToken[][]?> top)
    {
        int[] counts = [.. chunk.Places.Select(place => sequences[place.Sequence].TopLogProbs)];
        var ranked = LogitRows.MostProbable(_logits!, Vocabulary, counts, _threads);
        for (int i = 0; i < ranked.Length; i++)
        {
            var (sequence, place) = chunk.Places[i];
            if (top[sequence] is { } places)
            {
                places[place] = ranked[i];
            }
        }
    }

    private void Accumulate(ScoringChunk chunk, (double Kl, double Model, double Reference)[] sums)
    {
        var rows = LogitRows.Divergences(_logits!, _referenceLogits!, Vocabulary, chunk.Targets, _threads);
        for (int i = 0; i < rows.Length; i++)
        {
            int sequence = chunk.Places[i].Sequence;
            var (kl, model, reference) = sums[sequence];
            sums[sequence] = (
                kl + EngineFaults.Finite(rows[i].Kl, Stage),
                model + EngineFaults.Finite(rows[i].Model, Stage),
                reference + EngineFaults.Finite(rows[i].Reference, Stage));
        }
    }

    private void Run(ScoringChunk chunk, NativeBuffer<float> logits)
    {
        using var ids = OrtValue.CreateTensorValueFromMemory(chunk.Ids, [chunk.Rows, chunk.Width]);        // [B,T]
        using var positions = OrtValue.CreateTensorValueFromMemory(chunk.Positions, [chunk.Positions.Length]);   // [N]
        using var output = logits.View(0, chunk.Positions.Length, Vocabulary);                             // [N,V]
        _session.Run(_runOptions, InputNames, [ids, positions], OutputNames, [output]);
    }

    private IEnumerable<ScoringChunk> Chunks(IReadOnlyList<ScoredSequence> sequences) =>
        Batches(sequences).SelectMany(rows => ScoringChunk.Make(sequences, rows, _maxPositions));

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
