using Rudder.Checkpoints;
using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Options;
using Rudder.Sampling;

namespace Rudder.InferenceService.Registry;

/// <summary>Makes a warm model out of a folder: config, tokenizer and graphs must be there and belong together.</summary>
internal sealed class ModelLoader(ServiceOptions options) : IModelLoader
{
    private const long Mebi = 1 << 20;

    public Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation) =>
        Task.Run(() => Load(source, cancellation), cancellation);

    private async Task<LoadedModel> Load(ModelSource source, CancellationToken cancellation)
    {
        var config = ModelConfig.Load(source.Folder);
        var tokenizer = TextTokenizer.Load(source.Folder);
        RefuseWithoutGraphs(source.Folder);
        if (tokenizer is not null && tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new ModelLoadException(
                $"{source.Folder}: the tokenizer has {tokenizer.VocabularySize} ids and config.json {config.VocabularySize}; the model cannot read all of them. Take both from one model.");
        }

        // Hashing and reading the graphs takes the longest.
        var graphs = GraphFolder.Open(source.Folder);
        cancellation.ThrowIfCancellationRequested();
        try
        {
            return config is RobertaConfig
                ? Classifier(source, config, tokenizer, graphs, cancellation)
                : await GeneratorAsync(source, config, tokenizer, graphs, cancellation);
        }
        catch (EngineFailedException e)
        {
            throw new ModelLoadException($"{graphs.ModelFolder}: the first request after loading failed ({(e.InnerException ?? e).Message}). The weights are damaged or overflow; train or fetch the model again.", e);
        }
    }

    private LoadedModel Classifier(
        ModelSource source, ModelConfig config, TextTokenizer? tokenizer, GraphFolder graphs, CancellationToken cancellation)
    {
        var engine = ClassifierEngine.Load(graphs, Limits(source, config));
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
        var limits = Limits(source, config);
        var scorer = LogProbEngine.Load(graphs, limits);
        IGenerator? generator = null;
        try
        {
            generator = source.Engine == EngineKind.GenAi
                ? GenAiEngine.Load(graphs, limits, config.EosId)
                : SlotEngine.Load(graphs, limits, config.EosId);
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
            Source = source,
            Fingerprint = generator.Info.Fingerprint,
            Vocabulary = generator.Info.Vocabulary,
            Context = scorer.Context,
            EosId = config.EosId,
            Tokenizer = tokenizer,
            Generator = generator,
            Scorer = scorer,
        };
    }

    private EngineOptions Limits(ModelSource source, ModelConfig config) => new()
    {
        Precision = source.Precision,
        MaxSlots = options.MaxSlots,
        // One setting serves models of several contexts: a shorter context is the limit of its model.
        MaxTokens = Math.Min(options.MaxTokens, config.Context),
        Threads = options.Threads,
        MaxCacheBytes = options.MaxCacheMegabytes * Mebi,
        MaxQueuedSequences = options.MaxQueue,
        MaxPrefillTokens = options.MaxPrefillTokens,
        MaxScoringTokens = options.MaxScoringTokens,
        MaxScoringBytes = options.MaxScoringMegabytes * Mebi,
    };

    private static void RefuseWithoutGraphs(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "onnx", "export.json")))
        {
            throw new ModelLoadException($"{folder} holds no ONNX graphs (onnx/export.json); make them with: trainer export --model {folder}");
        }
    }
}
