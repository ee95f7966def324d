using Rudder.Checkpoints;
using Rudder.Engine.Registry;
using Rudder.Engine.Scoring;

namespace Rudder.Engine;

/// <summary>One call's hold on a loaded model: the model stays loaded until this is disposed. Thread-safe.</summary>
/// <remarks>
/// For callers that need more than <see cref="EngineHost"/> gives by name: the properties of the very model that answers, and a step
/// between the checks of a request and its work, for example to charge a client. Work that runs when the lease is disposed goes on, and the
/// model stays loaded until it has ended; later calls throw <see cref="ObjectDisposedException"/>. Work that ends because the model was
/// retired fails with a <see cref="RequestFault"/> of the kind <see cref="FaultKind.Unavailable"/>.
/// </remarks>
/// <example><code>
/// using var model = engine.Acquire("policy");
/// var plan = model.Plan(request);
/// var drawn = await model.GenerateAsync(plan);
/// Console.WriteLine($"{model.Description.Fingerprint}: {plan.TextOf(drawn[0][0])}");
/// </code></example>
public sealed class ModelLease : IDisposable
{
    private readonly ModelHold _hold;

    internal ModelLease(LoadedModel model) => (Model, _hold) = (model, new ModelHold(model));

    /// <summary>The model's properties.</summary>
    public ModelDescription Description => Model.Description;

    /// <summary>Fires when the model was replaced or unloaded and its calls have used up their time. It ends all work of this lease.</summary>
    public CancellationToken Ended => Model.Ended;

    internal LoadedModel Model { get; }

    /// <summary>The ids of texts.</summary>
    /// <param name="texts">At least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="asPrompts">Whether the special tokens that the folder wants before a text come first, as in the prompts of <see cref="Plan"/>.</param>
    /// <param name="cancellation">Ends the work before its next text.</param>
    /// <exception cref="RequestFault">The model has no tokenizer, or a text is too long or needs an id that the model does not have.</exception>
    public IReadOnlyList<int[]> Encode(IReadOnlyList<string> texts, bool asPrompts = false, CancellationToken cancellation = default)
    {
        RequestLimits.Count("texts", texts.Count, Model.Options.MaxInputs);
        return Each(texts, (i, text) => asPrompts ? Model.EncodePrompt($"texts[{i}]", text) : Model.Encode($"texts[{i}]", text), cancellation);
    }

    /// <summary>The texts of ids.</summary>
    /// <param name="sequences">At least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="cancellation">Ends the work before its next sequence.</param>
    /// <exception cref="RequestFault">The model has no tokenizer, or an id stands for no text.</exception>
    public IReadOnlyList<string> Decode(IReadOnlyList<IReadOnlyList<int>> sequences, CancellationToken cancellation = default)
    {
        RequestLimits.Count("sequences", sequences.Count, Model.Options.MaxInputs);
        return Each(sequences, (i, ids) => Model.Decode($"sequences[{i}].ids", ids), cancellation);
    }

    /// <summary>A conversation as a prompt under the model's chat template. Special tokens in a message become ordinary text.</summary>
    /// <param name="messages">The turns, oldest first; together at most <see cref="EngineOptions.MaxTextLength"/> characters.</param>
    /// <exception cref="RequestFault">
    /// The model has no tokenizer or no chat template, the template refuses the messages, or they are too long.
    /// </exception>
    public ChatPrompt EncodeChat(IReadOnlyList<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return Model.Chat.Encode(Model, messages);
    }

    /// <summary>Checks a request for completions.</summary>
    /// <param name="request">Prompts and settings.</param>
    /// <param name="listener">
    /// Gets each drawn token and each finished completion, without text, on the engine's own thread: it must return at once and never throw.
    /// </param>
    /// <param name="scoresPrompts">Whether <see cref="ScorePromptsAsync"/> follows, whose most probable tokens count against their limit too.</param>
    /// <param name="drawsNothing">Whether nothing else follows: prompts may then fill the whole context.</param>
    /// <exception cref="RequestFault">A value is invalid or over a limit, or the model is a classifier.</exception>
    public GenerationPlan Plan(
        GenerationRequest request, Action<GenerationStep>? listener = null, bool scoresPrompts = false, bool drawsNothing = false)
    {
        ArgumentNullException.ThrowIfNull(request);
        return GenerationPlanner.Plan(request, Model, listener, least: drawsNothing ? 0 : 1, scoresPrompts);
    }

    /// <summary>Draws every completion of a plan.</summary>
    /// <param name="plan">A plan of this model.</param>
    /// <param name="admitted">Called when the engine accepts the request; never for a refused one.</param>
    /// <param name="cancellation">Ends the work within one step.</param>
    /// <returns>One list per prompt, in order, with one completion per sample; <see cref="GenerationPlan.TextOf"/> gives their text.</returns>
    /// <exception cref="ArgumentException">The plan belongs to another model.</exception>
    /// <exception cref="RequestFault">The queue is full, the model is unloading, or its engine does not support a field.</exception>
    /// <exception cref="EngineFailedException">The model failed on this request.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(
        GenerationPlan plan, Action? admitted = null, CancellationToken cancellation = default)
    {
        RequireOwn(plan);
        return await _hold.RunAsync(() => plan.Generator.GenerateAsync(plan.Batch with { OnAdmitted = admitted, Ended = Ended }, cancellation), cancellation);
    }

    /// <summary>Scores given completions; always with the fp32 graph.</summary>
    /// <param name="sequences">Prompts with their completions; at least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="admitted">Called with the tokens to read once the request is accepted; if it throws, the request ends.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <returns>One score per sequence, in order.</returns>
    /// <exception cref="RequestFault">A sequence does not fit the model, the queue is full, or the model is a classifier.</exception>
    public async Task<IReadOnlyList<SequenceScore>> ScoreAsync(
        IReadOnlyList<ScoredSequence> sequences, string client = "", Action<long>? admitted = null, CancellationToken cancellation = default)
    {
        var scorer = Model.RequireScorer("model");
        RequestLimits.Count("sequences", sequences.Count, Model.Options.MaxInputs);
        CheckSequences(sequences, scorer, Model.Options);
        return await _hold.RunAsync(() => RunAsync([Model], scorer, client, sequences, admitted, scorer.Score, cancellation), cancellation);
    }

    /// <summary>Scores the prompts of a plan, with its number of most probable tokens: every id under the ids before it, from the second on. Always with the fp32 graph.</summary>
    /// <param name="plan">A plan of this model.</param>
    /// <param name="admitted">Called with the tokens to read once the request is accepted.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <returns>One score per prompt, in order; empty for a prompt of one id.</returns>
    /// <exception cref="ArgumentException">The plan belongs to another model.</exception>
    /// <exception cref="RequestFault">The queue is full, or the plan was made without <c>scoresPrompts</c> and reports too many tokens.</exception>
    public async Task<IReadOnlyList<SequenceScore>> ScorePromptsAsync(
        GenerationPlan plan, Action<long>? admitted = null, CancellationToken cancellation = default)
    {
        RequireOwn(plan);
        var scorer = Model.RequireScorer("model");
        ScoredSequence[] sequences =
        [
            .. plan.Prompts.Select(prompt => new ScoredSequence(prompt.PromptIds[..1], prompt.PromptIds[1..]) { TopLogProbs = prompt.TopLogProbs }),
        ];
        CheckSequences(sequences, scorer, Model.Options);
        return await _hold.RunAsync(() => RunAsync([Model], scorer, plan.Client, sequences, admitted, scorer.Score, cancellation), cancellation);
    }

    /// <summary>Measures this model's divergence from a reference along given completions: exact KL and its one-sample estimate.</summary>
    /// <param name="reference">A generator with the same vocabulary; may be this model.</param>
    /// <param name="sequences">Prompts with their completions; at least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="admitted">Called with the tokens to read, by both models together, once the request is accepted; if it throws, the request ends.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <returns>One result per sequence, in order.</returns>
    /// <exception cref="RequestFault">A sequence does not fit one of the models, their vocabularies differ, or one is a classifier.</exception>
    public async Task<IReadOnlyList<SequenceDivergenceScore>> DivergeAsync(
        ModelLease reference,
        IReadOnlyList<ScoredSequence> sequences,
        string client = "",
        Action<long>? admitted = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var (policy, baseline) = (Model.RequireScorer("model"), reference.Model.RequireScorer("reference"));
        if (policy.Vocabulary != baseline.Vocabulary)
        {
            throw new RequestFault(
                "reference",
                $"is '{reference.Description.Name}' with {baseline.Vocabulary} ids",
                $"model '{Description.Name}' has {policy.Vocabulary} and both must share one vocabulary",
                "");
        }

        RequestLimits.Count("sequences", sequences.Count, Model.Options.MaxInputs);
        CheckSequences(sequences, policy, Model.Options);
        CheckSequences(sequences, baseline, reference.Model.Options);        // its context may be shorter
        LoadedModel[] models = [Model, reference.Model];
        Task<IReadOnlyList<SequenceDivergenceScore>> Run() =>
            RunAsync(models, policy, client, sequences, admitted, (part, token) => policy.Diverge(baseline, part, token), cancellation);
        return await _hold.RunAsync(() => reference._hold.RunAsync(Run, cancellation), cancellation);
    }

    /// <summary>Classifies texts and ids.</summary>
    /// <param name="inputs">At least one, at most <see cref="EngineOptions.MaxInputs"/>. The windows of a long text are averaged.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="admitted">Called with the tokens to read once the request is accepted; if it throws, the request ends.</param>
    /// <param name="cancellation">Cancels the wait at once.</param>
    /// <returns>One result per input, in order, with probabilities in the order of <see cref="ModelDescription.Labels"/>.</returns>
    /// <exception cref="RequestFault">An input does not fit the model, the queue is full, or the model is a generator.</exception>
    public async Task<IReadOnlyList<TextClassification>> ClassifyAsync(
        IReadOnlyList<ClassifierInput> inputs, string client = "", Action<long>? admitted = null, CancellationToken cancellation = default)
    {
        var classifier = Model.RequireClassifier("model");
        RequestLimits.Count("inputs", inputs.Count, Model.Options.MaxInputs);
        var ids = Each(inputs, (i, input) => Ids($"inputs[{i}]", input, classifier), cancellation);
        return await _hold.RunAsync(
            async () =>
            {
                using var place = Model.Scoring.Enter(inputs.Count, Model.Options.MaxQueue);
                cancellation.ThrowIfCancellationRequested();
                admitted?.Invoke(ids.Sum(input => (long)input.Length));
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, Ended);
                return await classifier.ClassifyAsync(
                    [.. ids.Select((input, i) => inputs[i].Ids is null ? classifier.Windows(input) : [input])], client, ended.Token);
            },
            cancellation);
    }

    /// <summary>Releases the model when the work of this lease has ended.</summary>
    public void Dispose() => _hold.Dispose();

    private void RequireOwn(GenerationPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Generator != Model.Generator)
        {
            throw new ArgumentException($"The plan belongs to another model than '{Description.Name}'. Make it with Plan of this lease.", nameof(plan));
        }
    }

    // Takes a place in each model's queue before the request is accepted, so that a refusal costs nothing.
    private static async Task<IReadOnlyList<T>> RunAsync<T>(
        LoadedModel[] models,
        LogProbEngine scorer,
        string client,
        IReadOnlyList<ScoredSequence> sequences,
        Action<long>? admitted,
        Func<IReadOnlyList<ScoredSequence>, CancellationToken, IReadOnlyList<T>> score,
        CancellationToken cancellation)
    {
        var places = new Stack<IDisposable>();
        try
        {
            foreach (var model in models.Distinct())
            {
                places.Push(model.Scoring.Enter(sequences.Count, model.Options.MaxQueue));
            }

            cancellation.ThrowIfCancellationRequested();
            admitted?.Invoke(models.Length * sequences.Sum(sequence => (long)sequence.PromptIds.Length + sequence.CompletionIds.Length));
            using var ended = CancellationTokenSource.CreateLinkedTokenSource([cancellation, .. models.Select(model => model.Ended)]);
            return await ScoringInTurns.RunAsync(models, scorer.Batches(sequences), client, sequences, part => score(part, ended.Token), ended.Token);
        }
        finally
        {
            while (places.TryPop(out var place))
            {
                place.Dispose();
            }
        }
    }

    private static void CheckSequences(IReadOnlyList<ScoredSequence> sequences, LogProbEngine scorer, EngineOptions options)
    {
        for (int i = 0; i < sequences.Count; i++)
        {
            RequestLimits.Sequence($"sequences[{i}]", sequences[i], scorer.Vocabulary, scorer.Context);
        }

        long ranked = sequences.Sum(sequence => (long)sequence.TopLogProbs * sequence.CompletionIds.Length);
        RequestLimits.Ranked("sequences", $"ask for {ranked} log-probs of the most probable tokens", ranked, options);
    }

    private int[] Ids(string field, ClassifierInput input, ClassifierEngine classifier)
    {
        int[] ids = input switch
        {
            { Text: { } text, Ids: null } => Model.Encode($"{field}.text", text),
            { Text: null, Ids: { } given } => [.. given],
            _ => throw new RequestFault(field, "holds neither text nor ids", "", "Set one of them."),
        };
        if (input.Ids is not null)
        {
            RequestLimits.Length($"{field}.ids", ids.Length, 1, classifier.Context, "ids", "Send its text, which is read in windows, or shorten it.");
        }

        RequestLimits.Ids($"{field}.ids", ids, classifier.Vocabulary);
        return ids;
    }

    private static List<TResult> Each<T, TResult>(IReadOnlyList<T> items, Func<int, T, TResult> result, CancellationToken cancellation)
    {
        var results = new List<TResult>(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            results.Add(result(i, items[i]));
        }

        return results;
    }
}
