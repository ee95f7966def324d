using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rudder.Engine.Registry;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine;

/// <summary>Inference in this process: loads, generates, scores, classifies and compares models by name. Thread-safe.</summary>
/// <remarks>
/// When a name is already in use, the host warms the new model first and then swaps it in atomically. Requests of the old model have
/// <see cref="EngineOptions.DrainTime"/> to finish. Disposing the host unloads every model.
/// </remarks>
/// <example><code>
/// await using var engine = new EngineHost();
/// await engine.LoadAsync(new ModelSource("policy", "models/imdb-mini"));
/// var drawn = await engine.GenerateAsync("policy", new GenerationRequest { Prompts = [new PromptContent { Text = "The film" }] });
/// Console.WriteLine(drawn[0][0].Text);
/// </code></example>
public sealed partial class EngineHost : IAsyncDisposable
{
    private readonly IModelLoader _loader;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, LoadedModel> _models = new(StringComparer.Ordinal);
    private readonly RetiringModels _retiring;

    private readonly CancellationTokenSource _closing = new();
    private volatile bool _closed;

    /// <summary>Creates a host without models.</summary>
    /// <param name="options">Limits of every model; default: those of <see cref="EngineOptions"/>.</param>
    /// <param name="meters">Creates the meter <c>Rudder.Engine</c>; default: a meter that only process-wide listeners see.</param>
    /// <param name="logger">Logs loads, swaps and unloads; default: no logging.</param>
    public EngineHost(EngineOptions? options = null, IMeterFactory? meters = null, ILogger<EngineHost>? logger = null)
        : this(options ?? new(), new EngineMetrics(meters), logger ?? NullLogger<EngineHost>.Instance)
    {
    }

    private EngineHost(EngineOptions options, EngineMetrics metrics, ILogger<EngineHost> logger)
        : this(new ModelLoader(options, metrics), options, TimeProvider.System, logger)
    {
        Unloaded += metrics.Forget;
    }

    internal EngineHost(IModelLoader loader, EngineOptions options, TimeProvider time, ILogger<EngineHost> logger)
    {
        (_loader, _options, _time, _logger) = (loader, options, time, logger);
        _retiring = new RetiringModels(options.DrainTime, time, logger, Freed);
    }

    /// <summary>Raised with a name when the memory of its last model is freed, or its load has failed.</summary>
    internal event Action<string>? Unloaded;

    /// <summary>The loaded models, ordered by name.</summary>
    public IReadOnlyList<ModelDescription> List() => [.. Models().Select(model => model.Description)];

    internal IReadOnlyList<LoadedModel> Models() => [.. _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal)];

    /// <summary>Gets a model by name and keeps it loaded until the lease is disposed.</summary>
    /// <exception cref="RequestFault">No model has the name.</exception>
    internal ModelLease Acquire(string name)
    {
        while (_models.TryGetValue(name, out var model))
        {
            if (model.TryEnter())
            {
                return new ModelLease(model);
            }
        }

        throw NotFound(name);
    }

    /// <summary>Loads and warms a folder, then publishes it under the name. The name's previous model drains in the background.</summary>
    /// <param name="source">The folder and its name.</param>
    /// <param name="cancellation">Cancels the load; nothing stays loaded.</param>
    /// <exception cref="RequestFault">The folder is unusable (<see cref="FaultKind.ModelUnusable"/>), or the host is disposed.</exception>
    public async Task<ModelDescription> LoadAsync(ModelSource source, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        RequestLimits.Name("name", source.Name, "Give the name that calls will use.");
        return (await LoadModelAsync(source with { Folder = Path.GetFullPath(source.Folder) }, cancellation)).Description;
    }

    /// <summary>Generates all completions of a request.</summary>
    /// <param name="model">Name of a generator.</param>
    /// <param name="request">Prompts and settings.</param>
    /// <param name="cancellation">Ends the work within one step.</param>
    /// <returns>One list per prompt, in order, with one completion per sample.</returns>
    /// <exception cref="RequestFault">A value is invalid or over a limit, the queue is full, or no generator has the name.</exception>
    /// <exception cref="EngineFailedException">The model failed on this request.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(
        string model, GenerationRequest request, CancellationToken cancellation = default)
    {
        using var lease = Acquire(model);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Model.Ended);
        var plan = GenerationPlanner.Plan(request, lease.Model);
        var drawn = await lease.Model.RequireGenerator("model").GenerateAsync(plan.Batch, ended.Token);
        return [.. drawn.Select(sequences => (IReadOnlyList<GeneratedSequence>)[.. sequences.Select(sequence => WithText(sequence, lease.Model, plan))])];
    }

    /// <summary>Generates the completions of a request and streams each token and each finished completion.</summary>
    /// <param name="model">Name of a generator.</param>
    /// <param name="request">Prompts and settings.</param>
    /// <param name="cancellation">Ends the work within one step; leaving the loop early does the same.</param>
    /// <exception cref="RequestFault">As for <see cref="GenerateAsync"/>.</exception>
    /// <exception cref="EngineFailedException">The model failed on this request.</exception>
    public async IAsyncEnumerable<GenerationStep> StreamAsync(
        string model, GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var lease = Acquire(model);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Model.Ended);
        var steps = Channel.CreateUnbounded<GenerationStep>(new UnboundedChannelOptions { SingleReader = true });
        var plan = GenerationPlanner.Plan(request, lease.Model, step => steps.Writer.TryWrite(step));
        var texts = new Dictionary<(int Prompt, int Sample), TokenText>();
        var work = lease.Model.RequireGenerator("model").GenerateAsync(plan.Batch, ended.Token);
        _ = work.ContinueWith(_ => steps.Writer.TryComplete(), TaskScheduler.Default);
        try
        {
            await foreach (var step in steps.Reader.ReadAllAsync(cancellation))
            {
                yield return step.Finished is { } finished
                    ? step with { Finished = WithText(finished, lease.Model, plan) }
                    : step with { Token = step.Token!.Value with { Text = Text(texts, lease.Model, step) } };
            }

            await work;
        }
        finally
        {
            await ended.CancelAsync();                       // the work ends before the lease is released
            await ((Task)work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Scores given completions with a generator; always uses its fp32 graph.</summary>
    /// <param name="model">Name of a generator.</param>
    /// <param name="sequences">Prompts with their completions; at least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <returns>One score per sequence, in order.</returns>
    /// <exception cref="RequestFault">A sequence does not fit the model, the queue is full, or no generator has the name.</exception>
    public async Task<IReadOnlyList<SequenceScore>> ScoreAsync(
        string model, IReadOnlyList<ScoredSequence> sequences, string client = "", CancellationToken cancellation = default)
    {
        using var lease = Acquire(model);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Model.Ended);
        var scorer = lease.Model.RequireScorer("model");
        RequestLimits.Count("sequences", sequences.Count, _options.MaxInputs);
        using var place = lease.Model.Scoring.Enter(sequences.Count, _options.MaxQueuedSequences);
        return await ScoringInTurns.RunAsync([lease.Model], client, sequences, part => scorer.Score(part, ended.Token), ended.Token);
    }

    /// <summary>Measures a model's divergence from a reference along given completions: exact KL and its one-sample estimate.</summary>
    /// <param name="model">Name of a generator.</param>
    /// <param name="reference">Name of a generator with the same vocabulary.</param>
    /// <param name="sequences">Prompts with their completions; at least one, at most <see cref="EngineOptions.MaxInputs"/>.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Ends the work before its next batch.</param>
    /// <returns>One result per sequence, in order.</returns>
    /// <exception cref="RequestFault">A sequence does not fit one of the models, their vocabularies differ, or no generator has a name.</exception>
    public async Task<IReadOnlyList<SequenceDivergenceScore>> DivergeAsync(
        string model, string reference, IReadOnlyList<ScoredSequence> sequences, string client = "", CancellationToken cancellation = default)
    {
        using var lease = Acquire(model);
        using var other = Acquire(reference);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Model.Ended, other.Model.Ended);
        var (policy, baseline) = (lease.Model.RequireScorer("model"), other.Model.RequireScorer("reference"));
        RequestLimits.Count("sequences", sequences.Count, _options.MaxInputs);
        using var place = lease.Model.Scoring.Enter(sequences.Count, _options.MaxQueuedSequences);
        using var otherPlace = ReferenceEquals(lease.Model, other.Model) ? null : other.Model.Scoring.Enter(sequences.Count, _options.MaxQueuedSequences);
        return await ScoringInTurns.RunAsync(
            [lease.Model, other.Model], client, sequences, part => policy.Diverge(baseline, part, ended.Token), ended.Token);
    }

    /// <summary>Classifies texts.</summary>
    /// <param name="model">Name of a classifier with a tokenizer.</param>
    /// <param name="texts">At least one, at most <see cref="EngineOptions.MaxInputs"/>. The windows of a long text are averaged.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Cancels the wait at once.</param>
    /// <returns>One result per text, in order, with probabilities in the order of <see cref="ModelDescription.Labels"/>.</returns>
    /// <exception cref="RequestFault">A text is too long, the queue is full, or no classifier has the name.</exception>
    public async Task<IReadOnlyList<TextClassification>> ClassifyAsync(
        string model, IReadOnlyList<string> texts, string client = "", CancellationToken cancellation = default)
    {
        using var lease = Acquire(model);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Model.Ended);
        var classifier = lease.Model.RequireClassifier("model");
        RequestLimits.Count("texts", texts.Count, _options.MaxInputs);
        var inputs = texts.Select((text, i) => new ClassifierInput(lease.Model.Encode($"texts[{i}]", text), IsText: true)).ToList();
        using var place = lease.Model.Scoring.Enter(inputs.Count, _options.MaxQueuedSequences);
        return await classifier.ClassifyAsync(inputs, client, ended.Token);
    }

    internal async Task<LoadedModel> LoadModelAsync(ModelSource source, CancellationToken cancellation)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closing.Token);
        long start = _time.GetTimestamp();
        LoadedModel model;
        try
        {
            model = await _loader.LoadAsync(source, ended.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            RaiseUnloaded(source.Name);
            throw EngineFaults.Closed();
        }
        catch
        {
            RaiseUnloaded(source.Name);
            throw;
        }

        LoadedModel? old = null;
        // AddOrUpdate may call both factories if the name is unloaded in the meantime, so each one sets old.
        _models.AddOrUpdate(
            source.Name,
            _ =>
            {
                old = null;
                return model;
            },
            (_, current) =>
            {
                old = current;
                return model;
            });
        string kind = model.Classifier is null ? "generator" : "classifier";
        EngineLog.ModelWarm(_logger, model.Name, kind, source.Precision.ToString(), model.Fingerprint, _time.GetElapsedTime(start).TotalSeconds);
        if (old is not null)
        {
            EngineLog.ModelReplaced(_logger, old.Name, old.Fingerprint);
            _ = _retiring.Retire(old);
        }

        await RefuseWhenClosedAsync(model);
        return model;
    }

    /// <summary>Cancels loads in progress and refuses new ones; loaded models stay. This is the first step of a shutdown.</summary>
    public void StopLoading() => _closing.Cancel();

    /// <summary>Removes the name at once.</summary>
    /// <returns>Completes when the model's calls have ended and its memory is free; skips calls that ignore cancellation.</returns>
    /// <exception cref="RequestFault">No model has the name.</exception>
    public Task UnloadAsync(string name) =>
        _models.TryRemove(name, out var model) ? _retiring.Retire(model) : throw NotFound(name);

    /// <summary>Cancels loads in progress and unloads every model.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed = true;
        await _closing.CancelAsync();
        foreach (string name in _models.Keys)
        {
            if (_models.TryRemove(name, out var model))
            {
                _ = _retiring.Retire(model);
            }
        }

        await _retiring.WhenAllAsync();
    }

    private static GeneratedSequence WithText(GeneratedSequence sequence, LoadedModel model, GenerationPlan plan) =>
        sequence with { Text = plan.Stop.Cut(model.Decode(sequence.Ids)) };

    private static string Text(Dictionary<(int Prompt, int Sample), TokenText> texts, LoadedModel model, GenerationStep step)
    {
        var token = step.Token!.Value;
        if (!texts.TryGetValue((step.Prompt, token.SampleIndex), out var text))
        {
            texts.Add((step.Prompt, token.SampleIndex), text = new TokenText(model));
        }

        return text.Append(token.Id);
    }

    private RequestFault NotFound(string name)
    {
        string loaded = _models.IsEmpty ? "none" : string.Join(", ", _models.Keys.Order(StringComparer.Ordinal));
        return new RequestFault("model", $"'{name}' is not loaded", $"loaded: {loaded}", "Load it, or use one of those.", FaultKind.NotFound);
    }

    // The model already has its name. Whichever runs last, this check or the unloading of all models, sees the other.
    private async Task RefuseWhenClosedAsync(LoadedModel model)
    {
        if (!_closed)
        {
            return;
        }

        if (_models.TryRemove(KeyValuePair.Create(model.Name, model)))
        {
            await _retiring.Retire(model);
        }

        throw EngineFaults.Closed();
    }

    private void Freed(LoadedModel model)
    {
        EngineLog.ModelUnloaded(_logger, model.Name, model.Fingerprint);
        RaiseUnloaded(model.Name);
    }

    private void RaiseUnloaded(string name)
    {
        if (!_models.ContainsKey(name))
        {
            Unloaded?.Invoke(name);
        }
    }
}
