using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;

namespace Rudder.Engine.Registry;

/// <summary>Makes the checks of a load without an engine: config, tokenizer, export, fingerprint, file hashes, graphs, and stated size.</summary>
internal sealed class ModelCheck(ModelSource source, EngineOptions options)
{
    private readonly List<string> _faults = [];

    /// <summary>Reads every file once. The weights do not stay in memory.</summary>
    /// <returns>Every fault.</returns>
    public IReadOnlyList<string> Run()
    {
        Try(options.Check);
        Try(() => RequestLimits.Name("name", source.Name, "Give the name that calls will use."));
        Try(() => source.RequireInPlace?.Invoke());
        if (!Directory.Exists(source.Folder))
        {
            _faults.Add($"model '{source.Name}': {source.Folder} is not a folder. Check the path; it is relative to the current folder.");
        }

        if (_faults.Count == 0)
        {
            CheckFolder();
        }

        return _faults;
    }

    private void CheckFolder()
    {

        ModelConfig? config = null;
        GraphFolder? graphs = null;
        Try(() => config = ModelConfig.Load(source.Folder));
        Try(() => TextTokenizer.Load(source.Folder, config?.VocabularySize));
        Try(() => graphs = GraphFolder.Open(source.Folder));
        if (config is not null)
        {
            Try(() => DevicePlacement.Require(source, config, options.Device));
            Try(() => WeightReplacement.Require(source, config, options.Device));
            Try(() => CheckSize(config));
        }

        if (config is not null && graphs is not null)
        {
            Try(() => CheckGraph(config, graphs));
            if (!config.IsClassifier)
            {
                Try(() => GraphFile.Read(graphs, GraphFiles.LogProbs, GraphPrecision.Fp32).TakeLast(LogProbGraph.Logits));
            }
        }
    }

    // Compares the size with the limit of the options only: free memory changes with time and between machines.
    private void CheckSize(ModelConfig config)
    {
        var size = ModelSize.Of(source, config, options);
        if (options.MaxModelBytes > 0)
        {
            size.RequireWithin(source.Folder, options.MaxModelBytes, freeBytes: 0);
        }
    }

    private void CheckGraph(ModelConfig config, GraphFolder graphs)
    {
        var graph = GraphFile.Read(graphs, GraphFiles.Model(source.Precision), source.Precision);
        if (config.IsClassifier)
        {
            return;
        }

        int slots = options.MaxSlots;
        if (source.Engine == EngineKind.GenAi)
        {
            GenAiEngine.CheckedPaddingId(graphs, config.EosId);
            slots = Math.Min(slots, GenAiEngine.MaxBatch);
        }
        else if (options.Device == GraphDevice.Cpu)
        {
            GraphFusion.UseSlotAttention(graph);
        }

        var cacheType = ModelSize.CacheElementBytes(source) == sizeof(float) ? TensorElementType.Float : TensorElementType.Float16;
        CacheSize.Of(graph.Shape with { CacheType = cacheType }, slots, graph.Shape.TokensPerSequence(options, source.Folder), options.MaxCacheBytes);
    }

    private void Try(Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is CheckpointException or RequestFault or IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            _faults.Add($"model '{source.Name}': {e.Message}");
        }
    }
}
