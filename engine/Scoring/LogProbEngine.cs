using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Scoring;

/// <summary>Scores given completions with <c>logprobs.onnx</c> in length-sorted micro-batches and bounded memory.</summary>
/// <remarks>
/// Memory besides the weights does not grow with the number of sequences: <see cref="ScoringBytes"/> of logits, the intermediates of
/// MaxScoringTokens tokens, and their states; twice that for a divergence. A completion with more positions than the logits hold runs
/// once through the model, and in parts through the vocabulary product.
/// </remarks>
internal sealed class LogProbEngine : IDisposable
{
    private const string Stage = "scoring";
    private readonly Lock _lock = new();
    private readonly LogProbGraph _graph;
    private readonly int _maxTokens;
    private readonly int _maxPositions;
    private readonly int _threads;
    private NativeBuffer<float>? _logits;                    // [maxPositions,V], allocated on first use
    private NativeBuffer<float>? _referenceLogits;           // the same, for a divergence
    private bool _disposed;

    private LogProbEngine(LogProbGraph graph, EngineOptions options)
    {
        _graph = graph;
        _maxTokens = options.MaxScoringTokens;
        _maxPositions = (int)Math.Max(1, Math.Min(options.MaxScoringTokens, options.MaxScoringBytes / ((long)Vocabulary * sizeof(float))));
        _threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
    }

    /// <summary>Maximum tokens of prompt and completion together.</summary>
    public int Context => _graph.Shape.Context;

    public int Vocabulary => _graph.Shape.Vocabulary;

    /// <summary>Bytes of logits held now: at most MaxScoringBytes or one position, and twice that after a divergence.</summary>
    public long ScoringBytes => ((_logits?.Length ?? 0) + (_referenceLogits?.Length ?? 0)) * sizeof(float);

    /// <summary>Runs of the model since it was loaded.</summary>
    public long Runs => _graph.Runs;

    /// <summary>Loads a model's log-prob graph, always in fp32, because scores are measurements.</summary>
    /// <exception cref="RequestFault">The graph cannot be loaded.</exception>
    public static LogProbEngine Load(GraphFolder folder, EngineOptions options) => new(LogProbGraph.Load(folder, options), options);

    /// <summary>
    /// Groups the sequences into the batches that run through the model together, as indices; each index occurs once. Scoring one
    /// group per call costs the same as one call, and lets other calls run between two groups.
    /// </summary>
    public IEnumerable<int[]> Batches(IReadOnlyList<ScoredSequence> sequences)
    {
        int[] lengths = [.. sequences.Select(ScoringChunk.FedTokens)];
        int[] outputs = [.. sequences.Select(sequence => sequence.CompletionIds.Length)];
        return MicroBatcher.Split(lengths, outputs, _maxTokens, _maxPositions);
    }

    /// <summary>Log-probabilities of each sequence's completion, in order.</summary>
    /// <param name="sequences">Sequences within the model's limits.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <exception cref="EngineFailedException">The model's output is not a distribution.</exception>
    /// <exception cref="RequestFault">The engine is disposed.</exception>
    public IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        float[][] tokens = [.. sequences.Select(sequence => new float[sequence.CompletionIds.Length])];
        IReadOnlyList<RankedToken[][]?> top =
            [.. sequences.Select(sequence => sequence.TopLogProbs > 0 ? new RankedToken[sequence.CompletionIds.Length][] : null)];
        lock (_lock)
        {
            RequireOpen();
            _logits ??= Buffer();
            foreach (var chunk in Chunks(sequences, cancellation))
            {
                using var states = _graph.States(chunk);
                foreach (var part in Parts(chunk, cancellation))
                {
                    _graph.Project(states, part.First, part.Targets.Length, _logits);
                    Collect(part, sequences, tokens, top);
                }
            }
        }

        return [.. tokens.Select((row, i) => new SequenceScore(row.Sum(value => (double)value), row) { Top = top[i] })];
    }

    /// <summary>Measures the divergence of this model from a reference along each sequence, in order.</summary>
    /// <param name="reference">A model of the same vocabulary.</param>
    /// <param name="sequences">Sequences within the limits of both models.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <exception cref="EngineFailedException">The output of a model is not a distribution.</exception>
    /// <exception cref="RequestFault">An engine is disposed.</exception>
    public IReadOnlyList<SequenceDivergenceScore> Diverge(
        LogProbEngine reference, IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        var sums = new (double Kl, double Model, double Reference)[sequences.Count];
        lock (_lock)
        {
            RequireOpen();
            reference.RequireOpen();
            _logits ??= Buffer();
            _referenceLogits ??= Buffer();
            foreach (var chunk in Chunks(sequences, cancellation))
            {
                using var states = _graph.States(chunk);
                using var referenceStates = reference._graph.States(chunk);
                foreach (var part in Parts(chunk, cancellation))
                {
                    _graph.Project(states, part.First, part.Targets.Length, _logits);
                    reference._graph.Project(referenceStates, part.First, part.Targets.Length, _referenceLogits);
                    Accumulate(part, sums);
                }
            }
        }

        return [.. sequences.Zip(sums, (sequence, sum) => new SequenceDivergenceScore(
            sum.Kl, sum.Model - sum.Reference, sum.Model, sum.Reference, sequence.CompletionIds.Length))];
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _graph.Dispose();
            _logits?.Dispose();
            _referenceLogits?.Dispose();
        }
    }

    // A closed session would end the process.
    private void RequireOpen()
    {
        if (Volatile.Read(ref _disposed))
        {
            throw EngineFaults.Stopped();
        }
    }

    private void Collect(Part part, IReadOnlyList<ScoredSequence> sequences, float[][] tokens, IReadOnlyList<RankedToken[][]?> top)
    {
        int[] tops = [.. part.Places.Select(place => sequences[place.Sequence].TopLogProbs)];
        var rows = LogitRows.LogProbs(_logits!, Vocabulary, part.Targets, tops, _threads);
        for (int i = 0; i < rows.Length; i++)
        {
            var (sequence, place) = part.Places[i];
            tokens[sequence][place] = (float)EngineFaults.Finite(rows[i].LogProb, Stage);
            if (top[sequence] is { } places)
            {
                places[place] = rows[i].Top!;
            }
        }
    }

    private void Accumulate(Part part, (double Kl, double Model, double Reference)[] sums)
    {
        var rows = LogitRows.Divergences(_logits!, _referenceLogits!, Vocabulary, part.Targets, _threads);
        for (int i = 0; i < rows.Length; i++)
        {
            int sequence = part.Places[i].Sequence;
            var (kl, model, reference) = sums[sequence];
            sums[sequence] = (
                kl + EngineFaults.Finite(rows[i].Kl, Stage),
                model + EngineFaults.Finite(rows[i].Model, Stage),
                reference + EngineFaults.Finite(rows[i].Reference, Stage));
        }
    }

    private IEnumerable<ScoringChunk> Chunks(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellation)
    {
        foreach (int[] rows in Batches(sequences))
        {
            cancellation.ThrowIfCancellationRequested();
            if (rows.Any(row => sequences[row].CompletionIds.Length > 0))
            {
                yield return ScoringChunk.Of(sequences, rows);
            }
        }
    }

    /// <summary>Processes as many positions at a time as the logits hold.</summary>
    private IEnumerable<Part> Parts(ScoringChunk chunk, CancellationToken cancellation)
    {
        for (int first = 0; first < chunk.Targets.Length; first += _maxPositions)
        {
            cancellation.ThrowIfCancellationRequested();
            int end = Math.Min(chunk.Targets.Length, first + _maxPositions);
            yield return new Part(first, chunk.Targets[first..end], chunk.Places[first..end]);
        }
    }

    private NativeBuffer<float> Buffer() => new((long)_maxPositions * Vocabulary);

    /// <summary>A range of a run's positions.</summary>
    /// <param name="First">Index of the first position among all.</param>
    /// <param name="Targets">The id that each position predicts.</param>
    /// <param name="Places">The sequence and completion index of each target.</param>
    private readonly record struct Part(int First, int[] Targets, (int Sequence, int Place)[] Places);
}
