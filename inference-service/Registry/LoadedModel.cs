using Rudder.Checkpoints;
using Rudder.InferenceService.Engines;

namespace Rudder.InferenceService.Registry;

/// <summary>A warm model: its tokenizer, its engines, and the calls that use them now.</summary>
internal sealed class LoadedModel
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _calls;
    private bool _retired;

    /// <summary>Name that calls use.</summary>
    public required string Name { get; init; }

    /// <summary>What was loaded.</summary>
    public required ModelSource Source { get; init; }

    /// <summary>SHA-256 over weights, config and tokenizer, hex.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Tokens of prompt and completion together, or of one classifier window with its special tokens.</summary>
    public required int Context { get; init; }

    /// <summary>End-of-text id, or null where the config names none.</summary>
    public int? EosId { get; init; }

    /// <summary>Text to ids and back; null where the folder has no tokenizer.</summary>
    public TextTokenizer? Tokenizer { get; init; }

    /// <summary>Draws completions; null for a classifier.</summary>
    public IGenerator? Generator { get; init; }

    /// <summary>Scores completions; null for a classifier.</summary>
    public ISequenceScorer? Scorer { get; init; }

    /// <summary>Classifies; null for a generator.</summary>
    public ITextClassifier? Classifier { get; init; }

    /// <summary>Held while the model scores: one call at a time has its threads.</summary>
    public SemaphoreSlim ScoringTurn { get; } = new(1, 1);

    /// <summary>Fires when calls of a retired model have used up their time.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The text of drawn ids; empty without a tokenizer. Ids of a vocabulary padded beyond the tokenizer's stand for no text, as special tokens.</summary>
    /// <param name="ids">Ids of the model.</param>
    public string Decode(IEnumerable<int> ids) =>
        Tokenizer is { } tokenizer ? tokenizer.Decode(ids.Where(id => id < tokenizer.VocabularySize)) : "";

    /// <summary>Registers a call, unless the model is retired; then <see cref="Leave"/> must follow.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_retired)
            {
                return false;
            }

            _calls++;
            return true;
        }
    }

    /// <summary>A call that entered is over.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (--_calls == 0 && _retired)
            {
                _idle.TrySetResult();
            }
        }
    }

    /// <summary>Takes no new calls, waits for the running ones, ends them when the time is up, and frees the engines.</summary>
    /// <returns>Whether every call finished by itself.</returns>
    public async Task<bool> RetireAsync(TimeSpan limit, TimeProvider time)
    {
        lock (_lock)
        {
            _retired = true;
            if (_calls == 0)
            {
                _idle.TrySetResult();
            }
        }

        bool inTime = await FinishesWithinAsync(limit, time);
        if (!inTime)
        {
            await _ended.CancelAsync();
            await _idle.Task;
        }

        await DisposeAsync();
        return inTime;
    }

    private async Task<bool> FinishesWithinAsync(TimeSpan limit, TimeProvider time)
    {
        try
        {
            await _idle.Task.WaitAsync(limit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task DisposeAsync()
    {
        // One engine's failure must not keep the others' memory.
        try
        {
            await (Generator?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
        finally
        {
            try
            {
                Scorer?.Dispose();
            }
            finally
            {
                Classifier?.Dispose();
                ScoringTurn.Dispose();
                _ended.Dispose();
            }
        }
    }
}
