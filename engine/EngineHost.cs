using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rudder.Engine.Graphs;
using Rudder.Engine.Registry;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine;

/// <summary>Inference in this process: loads, generates, scores, classifies and compares models by name. Thread-safe.</summary>
/// <remarks>
/// When a name is already in use, the host warms the new model first and then swaps it in atomically. Requests of the old model have
/// <see cref="EngineOptions.DrainSeconds"/> to finish. Disposing the host unloads every model. <see cref="Acquire"/> gives more control.
/// </remarks>
/// <example><code>
/// await using var engine = new EngineHost();
/// await engine.LoadAsync(new ModelSource("policy", "models/imdb-mini"));
/// var drawn = await engine.GenerateAsync("policy", new GenerationRequest { Prompts = [new PromptContent { Text = "The film" }] });
/// Console.WriteLine(drawn[0][0].Text);
/// </code></example>
public sealed partial class EngineHost : IAsyncDisposable
{
    /// <summary>Name of the meters of the instruments; docs/telemetry.md lists them.</summary>
    public const string MeterName = EngineMetrics.MeterName;

    private readonly IModelLoader _loader;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, LoadedModel> _models = new(StringComparer.Ordinal);
    private readonly RetiringModels _retiring;

    private readonly CancellationTokenSource _closing = new();
    private volatile bool _closed;

    /// <summary>Creates a host without models.</summary>
    /// <param name="options">Limits of every model; default: those of <see cref="EngineOptions"/>.</param>
    /// <param name="meters">Scope of the meters <see cref="MeterName"/>; default: the process.</param>
    /// <param name="logger">Logs loads, swaps and unloads; default: no logging.</param>
    public EngineHost(EngineOptions? options = null, IMeterFactory? meters = null, ILogger<EngineHost>? logger = null)
        : this(new ModelLoader(options ??= new(), new EngineMetrics(meters)), options, TimeProvider.System, logger ?? NullLogger<EngineHost>.Instance)
    {
    }

    internal EngineHost(IModelLoader loader, EngineOptions options, TimeProvider time, ILogger<EngineHost> logger)
    {
        options.Check();
        (_loader, _time, _logger) = (loader, time, logger);
        _retiring = new RetiringModels(TimeSpan.FromSeconds(options.DrainSeconds), time, logger, model => Unloaded?.Invoke(model.Description.Name));
    }

    /// <summary>Raised with the name of a warm model before calls can use it. If a handler throws, the load fails and the model is freed.</summary>
    public event Action<string>? Loaded;

    /// <summary>Raised with the name of a model when its calls have ended and it was freed, even if an engine failed to free its memory.</summary>
    public event Action<string>? Unloaded;

    /// <summary>Makes the checks of a load without loading anything: reads the files of a folder, their hashes, graphs and stated size.</summary>
    /// <param name="source">The folder and its name.</param>
    /// <param name="options">Limits of the model; default: those of <see cref="EngineOptions"/>.</param>
    /// <returns>Everything that is wrong; empty for a usable folder.</returns>
    public static IReadOnlyList<string> Check(ModelSource source, EngineOptions? options = null) => new ModelCheck(source, options ?? new()).Run();

    /// <summary>Why the device of the options cannot be used, as far as this is known without using it; null if nothing prevents it.</summary>
    /// <param name="options">The device and its provider.</param>
    public static RequestFault? DeviceFault(EngineOptions options) => CudaProvider.Fault(options);

    /// <summary>The loaded models, ordered by name.</summary>
    public IReadOnlyList<ModelDescription> List() => [.. _models.Values.Select(model => model.Description).OrderBy(model => model.Name, StringComparer.Ordinal)];

    /// <summary>Loads and warms a folder, then publishes it under the name. The name's previous model drains in the background.</summary>
    /// <param name="source">The folder and its name.</param>
    /// <param name="cancellation">Cancels the load; nothing stays loaded.</param>
    /// <exception cref="RequestFault">The folder is unusable (<see cref="FaultKind.ModelUnusable"/>), or the host is disposed.</exception>
    public async Task<ModelDescription> LoadAsync(ModelSource source, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        RequestLimits.Name("name", source.Name, "Give the name that calls will use.");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closing.Token);
        long start = _time.GetTimestamp();
        LoadedModel model;
        try
        {
            model = await _loader.LoadAsync(source with { Folder = Path.GetFullPath(source.Folder) }, ended.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EngineFaults.Closed();
        }

        var warm = model.Description;
        string kind = warm.Generates ? "generator" : "classifier";
        string tokenizer = warm.TokenizerLibrary ?? "none";
        double seconds = _time.GetElapsedTime(start).TotalSeconds;
        EngineLog.ModelWarm(_logger, warm.Name, kind, source.Precision.ToString(), warm.Fingerprint, tokenizer, seconds);
        try
        {
            Loaded?.Invoke(warm.Name);
        }
        catch
        {
            await model.DisposeAsync();
            throw;
        }

        Publish(model);
        await RefuseWhenClosedAsync(model);
        return warm;
    }

    /// <summary>Gets a model by name and keeps it loaded until the lease is disposed.</summary>
    /// <param name="name">Name of the model.</param>
    /// <param name="field">Name of the parameter, for faults.</param>
    /// <exception cref="RequestFault">No model has the name.</exception>
    public ModelLease Acquire(string name, string field = "model")
    {
        RequestLimits.Name(field, name);
        while (_models.TryGetValue(name, out var model))
        {
            if (model.TryEnter())
            {
                return new ModelLease(model);
            }
        }

        throw NotFound(field, name);
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
        var plan = lease.Plan(request);
        var drawn = await lease.GenerateAsync(plan, admitted: null, cancellation);
        return [.. drawn.Select(sequences => (IReadOnlyList<GeneratedSequence>)[.. sequences.Select(sequence => sequence with { Text = plan.TextOf(sequence) })])];
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
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var steps = Channel.CreateUnbounded<GenerationStep>(new UnboundedChannelOptions { SingleReader = true });
        var plan = lease.Plan(request, step => steps.Writer.TryWrite(step));
        var texts = new StreamedTexts(lease);
        var work = lease.GenerateAsync(plan, admitted: null, ended.Token);
        _ = work.ContinueWith(_ => steps.Writer.TryComplete(), TaskScheduler.Default);
        try
        {
            await foreach (var step in steps.Reader.ReadAllAsync(cancellation))
            {
                yield return step.Finished is { } finished
                    ? step with { Finished = finished with { Text = plan.TextOf(finished) } }
                    : step with { Token = step.Token!.Value with { Text = texts.Append(step) } };
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
        return await lease.ScoreAsync(sequences, client, admitted: null, cancellation);
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
        using var other = Acquire(reference, "reference");
        return await lease.DivergeAsync(other, sequences, client, admitted: null, cancellation);
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
        return await lease.ClassifyAsync([.. texts.Select(text => new ClassifierInput(text))], client, admitted: null, cancellation);
    }

    /// <summary>Cancels loads in progress and refuses new ones; loaded models stay. This is the first step of a shutdown.</summary>
    public void StopLoading() => _closing.Cancel();

    /// <summary>Removes the name at once.</summary>
    /// <returns>Completes when the model's calls have ended and its memory is free; skips calls that ignore cancellation.</returns>
    /// <exception cref="RequestFault">No model has the name.</exception>
    public Task UnloadAsync(string name) =>
        _models.TryRemove(RequestLimits.Name("name", name), out var model) ? _retiring.Retire(model) : throw NotFound("name", name);

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

    private void Publish(LoadedModel model)
    {
        LoadedModel? old = null;
        // AddOrUpdate may call both factories if the name is unloaded in the meantime, so each one sets old.
        _models.AddOrUpdate(
            model.Description.Name,
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
        if (old is not null)
        {
            EngineLog.ModelReplaced(_logger, old.Description.Name, old.Description.Fingerprint);
            _ = _retiring.Retire(old);
        }
    }

    private RequestFault NotFound(string field, string name)
    {
        string loaded = _models.IsEmpty ? "none" : string.Join(", ", _models.Keys.Order(StringComparer.Ordinal));
        return new RequestFault(field, $"'{name}' is not loaded", $"loaded: {loaded}", "Load it, or use one of those.", FaultKind.NotFound);
    }

    // The model already has its name. Whichever runs last, this check or the unloading of all models, sees the other.
    private async Task RefuseWhenClosedAsync(LoadedModel model)
    {
        if (!_closed)
        {
            return;
        }

        if (_models.TryRemove(KeyValuePair.Create(model.Description.Name, model)))
        {
            await _retiring.Retire(model);
        }

        throw EngineFaults.Closed();
    }
}
