using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Registry;

/// <summary>Loads and warms a model from a folder. Config, tokenizer and graphs must exist and belong together.</summary>
internal sealed class ModelLoader(EngineOptions options, EngineMetrics metrics) : IModelLoader
{
    private readonly Lock _lock = new();
    private long _reserved;                                  // bytes that running loads will take

    public Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation) =>
        Task.Run(() => Load(source, cancellation), cancellation);

    private async Task<LoadedModel> Load(ModelSource source, CancellationToken cancellation)
    {
        source.RequireInPlace?.Invoke();
        var config = ModelConfig.Load(source.Folder);
        var tokenizer = TextTokenizer.Load(source.Folder, config.VocabularySize);
        DevicePlacement.Require(source, config, options.Device);
        WeightReplacement.Require(source, config, options.Device);
        using var reserved = Reserve(source, ModelSize.Of(source, config, options with { Precision = source.Precision }));

        // Hashing and reading the graphs takes the longest.
        var graphs = GraphFolder.Open(source.Folder, cancellation, source.ReplaceableWeights);
        try
        {
            var model = config.IsClassifier
                ? await ClassifierAsync(source, config, tokenizer, graphs, cancellation)
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

    // While its files were read, the folder may have been replaced by a link to another place.
    private static async Task<LoadedModel> InPlaceAsync(LoadedModel model)
    {
        try
        {
            model.Description.Source.RequireInPlace?.Invoke();
            return model;
        }
        catch
        {
            await model.DisposeAsync();
            throw;
        }
    }

    // Refuses a model that does not fit by its stated size; otherwise the kernel would end the process half-way through. Running loads
    // count with their full size.
    private Reservation Reserve(ModelSource source, ModelSize size)
    {
        lock (_lock)
        {
            size.RequireWithin(source.Folder, options.MaxModelBytes, FreeMemory.Bytes() - _reserved);
            _reserved += size.Total;
        }

        return new Reservation(this, size.Total);
    }

    private async Task<LoadedModel> ClassifierAsync(
        ModelSource source, ModelConfig config, TextTokenizer? tokenizer, GraphFolder graphs, CancellationToken cancellation)
    {
        var engine = ClassifierEngine.Load(graphs, options with { Precision = source.Precision });
        try
        {
            await engine.ClassifyAsync([engine.Windows([])], "", cancellation);
        }
        catch
        {
            engine.Dispose();
            throw;
        }

        return new LoadedModel
        {
            Description = new ModelDescription(source.Name, source, engine.Fingerprint, engine.Vocabulary, engine.Context)
            {
                EosId = config.EosId,
                TokenizerLibrary = tokenizer?.Library,
                Labels = engine.Labels,
            },
            Options = options,
            Tokenizer = tokenizer,
            Classifier = engine,
        };
    }

    private async Task<LoadedModel> GeneratorAsync(
        ModelSource source, ModelConfig config, TextTokenizer? tokenizer, GraphFolder graphs, CancellationToken cancellation)
    {
        var limits = options with { Precision = source.Precision };
        var scorer = LogProbEngine.Load(graphs, limits);
        IGenerator? generator = null;
        var recorder = metrics.Open(source.Name);
        try
        {
            generator = source.Engine == EngineKind.GenAi
                ? GenAiEngine.Load(graphs, limits, config.EosId)
                : SlotEngine.Load(graphs, limits, config.EosId, recorder);
            int start = config.BosId ?? 0;
            scorer.Score([new ScoredSequence([start], [start])], cancellation);
            var prompt = new PromptRequest { PromptIds = [start], MaxNewTokens = 1, Parameters = SamplingParameters.Greedy };
            await generator.GenerateAsync(new GenerationBatch([prompt]), cancellation);
        }
        catch
        {
            recorder.Dispose();
            scorer.Dispose();
            await (generator?.DisposeAsync() ?? ValueTask.CompletedTask);
            throw;
        }

        if (generator is SlotEngine engine)                  // in the gauges once it is warm
        {
            recorder.Watch(() => engine.Occupancy, cacheBytesPerToken: 2L * config.Layers * config.KeyValueHeads * config.HeadSize * ModelSize.CacheElementBytes(source));
        }

        var info = generator.Info;
        return new LoadedModel
        {
            Description = new ModelDescription(source.Name, source, info.Fingerprint, info.Vocabulary, info.Context)
            {
                EosId = config.EosId,
                OtherEosIds = config.OtherEosIds,
                TokenizerLibrary = tokenizer?.Library,
                Slots = info.Slots,
            },
            Options = options,
            Tokenizer = tokenizer,
            Chat = ChatPrompts.Load(source.Folder),
            Generator = generator,
            Scorer = scorer,
            Weights = source.ReplaceableWeights ? graphs.Weights : null,
            Recorder = recorder,
        };
    }

    /// <summary>Memory reserved for a running load.</summary>
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
