using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scheduling;
using Rudder.Engine.Scoring;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Registry;

/// <summary>A warm model: its tokenizer, its engines, and the count of calls that use them.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _calls;
    private bool _retired;

    public required ModelDescription Description
    {
        get => Generator is SlotEngine { WeightsVersion: > 0 } engine ? field with { WeightsVersion = engine.WeightsVersion } : field;
        init;
    }

    public EngineOptions Options { get; init; } = new();

    /// <summary>Converts text to ids and back; null if the folder has no tokenizer.</summary>
    public TextTokenizer? Tokenizer { get; init; }

    /// <summary>Turns conversations into prompts.</summary>
    public ChatPrompts Chat { get; init; } = ChatPrompts.None;

    /// <summary>Draws completions; null for a classifier.</summary>
    public IGenerator? Generator { get; init; }

    /// <summary>Scores completions; null for a classifier.</summary>
    public LogProbEngine? Scorer { get; init; }

    /// <summary>Classifies; null for a generator.</summary>
    public ClassifierEngine? Classifier { get; init; }

    /// <summary>Weights that can be replaced; null if they cannot.</summary>
    public PackedWeights? Weights { get; init; }

    /// <summary>Reports of the generator; null where nothing is reported.</summary>
    public EngineRecorder? Recorder { get; init; }

    /// <summary>Held while the model scores. One call at a time uses its threads, and clients take turns.</summary>
    public ScoringTurn ScoringTurn { get; } = new();

    /// <summary>Scoring calls are inside together; a replacement of the weights is inside alone.</summary>
    public SharedGate ScoringGate { get; } = new();

    /// <summary>Limits the calls that wait for scoring or are being scored.</summary>
    public SequenceQuota Scoring { get; } = new();

    /// <summary>Completes when the model is retired and its last call has left.</summary>
    public Task Idle => _idle.Task;

    /// <summary>Fires when calls of a retired model have used up their time.</summary>
    public CancellationToken Ended => _ended.Token;

    private string Name => Description.Name;

    private int Vocabulary => Description.Vocabulary;

    /// <summary>
    /// The text of drawn ids, which continues that of a prompt; empty without a tokenizer. Special tokens and ids beyond the tokenizer's
    /// have no text.
    /// </summary>
    public string Decode(IEnumerable<int> ids) =>
        Tokenizer is { } tokenizer ? tokenizer.Decode(ids.Where(id => id < tokenizer.VocabularySize), continues: true) : "";

    /// <summary>The generator.</summary>
    /// <exception cref="RequestFault">The model is a classifier.</exception>
    public IGenerator RequireGenerator(string field) => Generator ?? throw WrongKind(field, "generator");

    /// <summary>The scorer of completions.</summary>
    /// <exception cref="RequestFault">The model is a classifier.</exception>
    public LogProbEngine RequireScorer(string field) => Scorer ?? throw WrongKind(field, "generator");

    /// <summary>The classifier.</summary>
    /// <exception cref="RequestFault">The model is a generator.</exception>
    public ClassifierEngine RequireClassifier(string field) => Classifier ?? throw WrongKind(field, "classifier");

    /// <summary>The tokenizer.</summary>
    /// <exception cref="RequestFault">The model has none.</exception>
    public TextTokenizer RequireTokenizer(string field) => Tokenizer ?? throw new RequestFault(
        field, "cannot be used", $"model '{Name}' has no tokenizer and takes and gives ids only", "Send token ids, or load a folder that holds a tokenizer.");

    /// <summary>Refuses work on weights that are written in part.</summary>
    /// <exception cref="RequestFault">The last replacement failed.</exception>
    public void RequireWholeWeights()
    {
        if (Generator is SlotEngine { WeightsAreBroken: true })
        {
            throw EngineFaults.WeightsBroken();
        }
    }

    /// <summary>The ids of a text.</summary>
    /// <exception cref="RequestFault">The model has no tokenizer, the text is too long, or it needs an id that the model lacks.</exception>
    public int[] Encode(string field, string text)
    {
        var tokenizer = RequireTokenizer(field);
        if (text.Length > Options.MaxTextLength)
        {
            throw new RequestFault(
                field, $"has {text.Length} characters", $"the limit is {Options.MaxTextLength}", "Shorten it, or raise MaxTextLength.");
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

    /// <summary>The ids of a prompt's text, after the special tokens that the folder wants before a text.</summary>
    /// <inheritdoc cref="Encode"/>
    public int[] EncodePrompt(string field, string text) => RequireTokenizer(field).WithSpecialTokens(Encode(field, text), end: false);

    /// <summary>The text of ids that a caller sends. Unlike <see cref="Decode(IEnumerable{int})"/> it refuses ids without text.</summary>
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

    /// <summary>Registers a call, unless the model is retired. Each registered call must <see cref="Leave"/>.</summary>
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

    /// <summary>Ends a registered call.</summary>
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

    /// <summary>Refuses new calls from now on.</summary>
    public void Retire()
    {
        lock (_lock)
        {
            _retired = true;
            if (_calls == 0)
            {
                _idle.TrySetResult();
            }
        }
    }

    public Task EndCallsAsync() => _ended.CancelAsync();

    /// <summary>Frees the engines. No call may use them.</summary>
    public async ValueTask DisposeAsync()
    {
        Recorder?.Dispose();                                 // before the engine: the gauges no longer read it
        try
        {
            await (Generator?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
        finally
        {
            // If disposing the generator fails, the others must still free their memory.
            Scorer?.Dispose();
            Classifier?.Dispose();
            _ended.Dispose();
            NativeHeap.Trim();
        }
    }

    private RequestFault WrongKind(string field, string wanted)
    {
        string kind = Classifier is null ? "generator" : "classifier";
        return new RequestFault(field, $"is '{Name}', a {kind}", $"this call needs a {wanted}", "The list of models has the kind of each.");
    }
}
