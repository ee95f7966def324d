using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Registry;

/// <summary>Makes a warm model out of a folder: config, tokenizer and graphs must be there and belong together.</summary>
internal sealed class ModelLoader(EngineOptions options, EngineMetrics metrics) : IModelLoader
{
    private readonly Lock _lock = new();
    private long _reserved;                                  // bytes that loads under way will take

    public Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation) =>
        Task.Run(() => Load(source, cancellation), cancellation);

    private async Task<LoadedModel> Load(ModelSource source, CancellationToken cancellation)
    {
        source.RequireInPlace?.Invoke();
        var config = ModelConfig.Load(source.Folder);
        var tokenizer = TextTokenizer.Load(source.Folder, config.VocabularySize);
        DevicePlacement.Require(source, config, options.Device);
        using var reserved = Reserve(source, ModelSize.Of(source, config, Limits(options, source, config)));

        // Hashing and reading the graphs takes the longest.
        var graphs = GraphFolder.Open(source.Folder, cancellation, IsReplaceable(source, config));
        try
        {
            var model = config.IsClassifier
                ? Classifier(source, config, tokenizer, graphs, cancellation)
                : await GeneratorAsync(source, config, tokenizer, graphs, cancellation);
            return await InPlaceAsync(model);
        }
        catch (EngineFailedException e)
        {
            throw RequestFault.Unusable(
                $"{graphs.ModelFolder}: the first request after loading failed ({(e.InnerException ?? e).Message})",
                "",
                "The weights are damaged or overflow; train or fetch the model again.",
                e);
        }
    }

    // The folder may have become a link that leads elsewhere while its files were read.
    private static async Task<LoadedModel> InPlaceAsync(LoadedModel model)
    {
        try
        {
            model.Source.RequireInPlace?.Invoke();
            return model;
        }
        catch
        {
            await model.RetireAsync(TimeSpan.Zero, TimeProvider.System);
            throw;
        }
    }

    // A model that does not fit is refused by its stated size, and not by the kernel half-way through. Loads under way count with all they will take.
    private Reservation Reserve(ModelSource source, ModelSize size)
    {
        lock (_lock)
        {
            size.RequireWithin(source.Folder, options.MaxModelBytes, FreeMemory.Bytes() - _reserved);
            _reserved += size.Total;
        }

        return new Reservation(this, size.Total);
    }

    private LoadedModel Classifier(
        ModelSource source, ModelConfig config, TextTokenizer? tokenizer, GraphFolder graphs, CancellationToken cancellation)
    {
        var engine = ClassifierEngine.Load(graphs, Limits(options, source, config));
        try
        {
            engine.ClassifyIds([[config.BosId ?? 0, config.EosId ?? 0]], cancellation);
        }
        catch
        {
            engine.Dispose();
            throw;
        }

        return new LoadedModel
        {
            Name = source.Name,
            Options = options,
            Source = source,
            Fingerprint = engine.Fingerprint,
            Vocabulary = engine.Vocabulary,
            Context = engine.Context,
            EosId = config.EosId,
            Tokenizer = tokenizer,
            Classifier = engine,
        };
    }

    private async Task<LoadedModel> GeneratorAsync(
        ModelSource source, ModelConfig config, TextTokenizer? tokenizer, GraphFolder graphs, CancellationToken cancellation)
    {
        var limits = Limits(options, source, config);
        var scorer = LogProbEngine.Load(graphs, limits);
        IGenerator? generator = null;
        try
        {
            generator = source.Engine == EngineKind.GenAi
                ? GenAiEngine.Load(graphs, limits, config.EosId)
                : SlotEngine.Load(graphs, limits, config.EosId, metrics.For(source.Name));
            int start = config.BosId ?? 0;
            scorer.Score([new ScoredSequence([start], [start])], cancellation);
            var prompt = new PromptRequest { PromptIds = [start], MaxNewTokens = 1, Parameters = SamplingParameters.Greedy };
            await generator.GenerateAsync(new GenerationBatch([prompt]), cancellation);
        }
        catch
        {
            scorer.Dispose();
            await (generator?.DisposeAsync() ?? ValueTask.CompletedTask);
            throw;
        }

        return new LoadedModel
        {
            Name = source.Name,
            Options = options,
            Source = source,
            Fingerprint = generator.Info.Fingerprint,
            Vocabulary = generator.Info.Vocabulary,
            Context = scorer.Context,
            EosId = config.EosId,
            Tokenizer = tokenizer,
            Generator = generator,
            Scorer = scorer,
            Weights = graphs.Weights.AreReplaceable ? graphs.Weights : null,
            Watch = Watch(source, config, generator),
        };
    }

    private bool IsReplaceable(ModelSource source, ModelConfig config) =>
        options is { ReplaceableWeights: true, Device: GraphDevice.Cpu }
        && source is { Engine: EngineKind.Slots, Precision: GraphPrecision.Fp32 }
        && !config.IsClassifier;

    // Shown once the model is warm: nothing that can fail comes after it, so no watch outlives its engine.
    private IDisposable? Watch(ModelSource source, ModelConfig config, IGenerator generator) => generator is SlotEngine engine
        ? metrics.Watch(source.Name, () => engine.Occupancy, cacheBytesPerToken: 2L * config.Layers * config.HiddenSize * ModelSize.CacheElementBytes(source))
        : null;

    /// <summary>The limits of one model's engines: a context shorter than MaxTokens is the limit of its model.</summary>
    /// <param name="options">The limits of all models.</param>
    /// <param name="source">The model.</param>
    /// <param name="config">Its config.</param>
    public static EngineOptions Limits(EngineOptions options, ModelSource source, ModelConfig config) =>
        options with { Precision = source.Precision, MaxTokens = Math.Min(options.MaxTokens, config.Context) };

    /// <summary>Memory kept for a load under way.</summary>
    private sealed class Reservation(ModelLoader loader, long bytes) : IDisposable
    {
        public void Dispose()
        {
            lock (loader._lock)
            {
                loader._reserved -= bytes;
            }
        }
    }
}
