using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scheduling;
using Rudder.Engine.Scoring;

namespace Rudder.Engine.Registry;

/// <summary>A warm model: its tokenizer, its engines, and the calls that use them now.</summary>
internal sealed class LoadedModel
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _calls;
    private bool _retired;
    private Task<Retirement>? _retirement;

    /// <summary>Time that calls of a retired model have to end after they were told to. 30 s: a native call cannot be cut short.</summary>
    public static TimeSpan EndGrace { get; } = TimeSpan.FromSeconds(30);

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

    /// <summary>Tokens that one drawn sequence holds: the settings may give a slot less than the model's context.</summary>
    public int SlotTokens => Generator?.Info.Context ?? Context;

    /// <summary>End-of-text id, or null where the config names none.</summary>
    public int? EosId { get; init; }

    /// <summary>Text to ids and back; null where the folder has no tokenizer.</summary>
    public TextTokenizer? Tokenizer { get; init; }

    /// <summary>Draws completions; null for a classifier.</summary>
    public IGenerator? Generator { get; init; }

    /// <summary>Scores completions; null for a classifier.</summary>
    public IScorer? Scorer { get; init; }

    /// <summary>Classifies; null for a generator.</summary>
    public IClassifier? Classifier { get; init; }

    /// <summary>Weights that can be replaced; null where they cannot.</summary>
    public PackedWeights? Weights { get; init; }

    /// <summary>Shows the generator's load in the gauges until it is disposed; null where nothing is shown.</summary>
    public IDisposable? Watch { get; init; }

    /// <summary>Held while the model scores: one call at a time has its threads, clients in turn.</summary>
    public ScoringTurn ScoringTurn { get; } = new();

    /// <summary>Scoring calls are inside together; a replacement of the weights is inside alone.</summary>
    public SharedGate ScoringGate { get; } = new();

    /// <summary>Bounds the calls that wait to be scored or are.</summary>
    public ScoringAdmission Scoring { get; } = new();

    /// <summary>Fires when calls of a retired model have used up their time.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The text of drawn ids; empty without a tokenizer. Ids of a vocabulary padded beyond the tokenizer's stand for no text, as special tokens.</summary>
    /// <param name="ids">Ids of the model.</param>
    public string Decode(IEnumerable<int> ids) =>
        Tokenizer is { } tokenizer ? tokenizer.Decode(ids.Where(id => id < tokenizer.VocabularySize)) : "";

    /// <summary>What callers see of it.</summary>
    public ModelDescription Description => new(Name, Source, Fingerprint, Vocabulary, SlotTokens)
    {
        HasTokenizer = Tokenizer is not null,
        Slots = Generator?.Info.Slots ?? 0,
        EosId = EosId,
        WeightsVersion = (Generator as SlotEngine)?.WeightsVersion ?? 0,
        Labels = Classifier?.Labels ?? [],
    };

    /// <summary>Its limits.</summary>
    public EngineOptions Options { get; init; } = new();

    /// <summary>The generator.</summary>
    /// <param name="field">Field that names the model.</param>
    /// <exception cref="RequestFault">The model is a classifier.</exception>
    public IGenerator RequireGenerator(string field) => Generator ?? throw WrongKind(field, "generator");

    /// <summary>The scorer of completions.</summary>
    /// <param name="field">Field that names the model.</param>
    /// <exception cref="RequestFault">The model is a classifier.</exception>
    public IScorer RequireScorer(string field) => Scorer ?? throw WrongKind(field, "generator");

    /// <summary>The classifier.</summary>
    /// <param name="field">Field that names the model.</param>
    /// <exception cref="RequestFault">The model is a generator.</exception>
    public IClassifier RequireClassifier(string field) => Classifier ?? throw WrongKind(field, "classifier");

    /// <summary>The ids of a text.</summary>
    /// <param name="field">Field that holds the text.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="RequestFault">The model has no tokenizer, the text is too long, or it needs an id that the model does not have.</exception>
    public int[] Encode(string field, string text)
    {
        var tokenizer = RequireTokenizer(field);
        if (text.Length > Options.MaxTextLength)
        {
            throw new RequestFault(
                field, $"has {text.Length} characters", $"the limit is {Options.MaxTextLength}", "Shorten it, or raise Service:MaxTextLength.");
        }

        try
        {
            return tokenizer.Encode(text);
        }
        catch (SurplusTokenException)
        {
            throw new RequestFault(
                field, "holds a token that the tokenizer has and the model does not", $"the model has ids 0 to {Vocabulary - 1}", "Leave that token out.");
        }
    }

    /// <summary>The text of ids that a caller sends. Unlike <see cref="Decode(IEnumerable{int})"/> it refuses ids that stand for no text.</summary>
    /// <param name="field">Field that holds the ids.</param>
    /// <param name="ids">Ids of the model.</param>
    /// <exception cref="RequestFault">The model has no tokenizer, or an id is outside its vocabulary or the tokenizer's.</exception>
    public string Decode(string field, IReadOnlyList<int> ids)
    {
        var tokenizer = RequireTokenizer(field);
        int[] all = [.. ids];
        RequestLimits.Ids(field, all, Vocabulary);
        int at = all.AsSpan().IndexOfAnyExceptInRange(0, tokenizer.VocabularySize - 1);
        return at < 0
            ? tokenizer.Decode(all)
            : throw new RequestFault(
                $"{field}[{at}]",
                "stands for no text",
                $"the tokenizer of model '{Name}' has ids 0 to {tokenizer.VocabularySize - 1}, the rest of the model's {Vocabulary} stand for no text",
                "Leave it out.");
    }

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
    /// <remarks>
    /// A call that does not heed its end is waited for <see cref="EndGrace"/>; the engines under it are freed when it leaves, never
    /// before. A model retires once: who asks again gets the first answer.
    /// </remarks>
    /// <param name="limit">Time that running calls have.</param>
    /// <param name="time">What measures it.</param>
    public Task<Retirement> RetireAsync(TimeSpan limit, TimeProvider time)
    {
        lock (_lock)
        {
            _retired = true;
            if (_calls == 0)
            {
                _idle.TrySetResult();
            }

            return _retirement ??= EndAsync(limit, time);
        }
    }

    private TextTokenizer RequireTokenizer(string field) => Tokenizer ?? throw new RequestFault(
        field, "cannot be used", $"model '{Name}' has no tokenizer and takes and gives ids only", "Send token ids, or load a folder that holds a tokenizer.");

    private RequestFault WrongKind(string field, string wanted)
    {
        string kind = Classifier is null ? "generator" : "classifier";
        return new RequestFault(field, $"is '{Name}', a {kind}", $"this call needs a {wanted}", "The list of models has the kind of each.");
    }

    private async Task<Retirement> EndAsync(TimeSpan limit, TimeProvider time)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // out of the lock
        bool inTime = await IsIdleWithinAsync(limit, time);
        if (!inTime)
        {
            await _ended.CancelAsync();
            if (!await IsIdleWithinAsync(EndGrace, time))
            {
                return new Retirement(InTime: false, Freed: FreeAsync());
            }
        }

        await FreeAsync();
        return new Retirement(inTime, Task.CompletedTask);
    }

    private async Task<bool> IsIdleWithinAsync(TimeSpan limit, TimeProvider time)
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

    private async Task FreeAsync()
    {
        await _idle.Task;
        await DisposeAsync();
    }

    private async Task DisposeAsync()
    {
        Watch?.Dispose();                                    // before the engine: nobody asks it any more

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
                _ended.Dispose();
                NativeHeap.Trim();
            }
        }
    }
}

/// <summary>How a model's retirement went.</summary>
/// <param name="InTime">Whether every call finished by itself.</param>
/// <param name="Freed">Completes when the engines are freed: already complete, unless a call ignored its end.</param>
internal readonly record struct Retirement(bool InTime, Task Freed);
