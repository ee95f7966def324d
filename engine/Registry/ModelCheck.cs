using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Registry;

/// <summary>Checks a model's folder without an engine: config, tokenizer, export, fingerprint, file hashes, and its stated size.</summary>
internal static class ModelCheck
{
    /// <summary>Reads the files through once; nothing of the weights stays in memory.</summary>
    /// <param name="source">The model.</param>
    /// <param name="options">Slots, tokens and the limit of the cache.</param>
    /// <param name="faults">Gets everything that is wrong.</param>
    public static void Run(ModelSource source, EngineOptions options, ICollection<string> faults)
    {
        string start = $"model '{source.Name}': ";
        if (!Directory.Exists(source.Folder))
        {
            faults.Add($"{start}{source.Folder} is no folder. Check the path; it is relative to the current folder.");
            return;
        }

        var config = Told(() => ModelConfig.Load(source.Folder), start, faults);
        Told(() => TextTokenizer.Load(source.Folder), start, faults);
        var graphs = Told(() => GraphFolder.Open(source.Folder), start, faults);
        if (config is null)
        {
            return;
        }

        if (graphs is not null)
        {
            CheckGraphs(source, config, graphs, start, faults);
        }

        CheckEndOfText(source, config, start, faults);
        CheckDevice(source, config, options.Device, start, faults);
        CheckSize(source, config, options, start, faults);
    }

    private static void CheckGraphs(ModelSource source, ModelConfig config, GraphFolder graphs, string start, ICollection<string> faults)
    {
        string[] names = config.IsClassifier
            ? [GraphFiles.Model(source.Precision)]
            : [GraphFiles.Model(source.Precision), GraphFiles.LogProbs];
        foreach (string name in names)
        {
            Told(() => graphs.Verified(name), start, faults);
        }

        if (!config.IsClassifier && source.Engine == EngineKind.GenAi)
        {
            Told(() => $"{GenAiEngine.CheckedPaddingId(graphs)}", start, faults);
        }
    }

    private static void CheckEndOfText(ModelSource source, ModelConfig config, string start, ICollection<string> faults)
    {
        if (!config.IsClassifier && source.Engine == EngineKind.GenAi && config.EosId is null)
        {
            faults.Add($"{start}config.json names no eos_token_id, which GenAI needs; use the slots engine, or name it.");
        }
    }

    private static void CheckDevice(ModelSource source, ModelConfig config, GraphDevice device, string start, ICollection<string> faults) => Told(
        () =>
        {
            DevicePlacement.Require(source, config, device);
            return config;
        },
        start,
        faults);

    // What is free differs from one moment to the next, and from this machine to another: only the settings' own limits are held against the size.
    private static void CheckSize(ModelSource source, ModelConfig config, EngineOptions options, string start, ICollection<string> faults)
    {
        var limits = ModelLoader.Limits(options, source, config);
        if (Told(() => ModelSize.Of(source, config, limits), start, faults) is not { } size)
        {
            return;
        }

        if (size.Cache > limits.MaxCacheBytes)
        {
            faults.Add(
                $"{start}a key-value cache of at most {limits.MaxSlots} slots × {limits.MaxTokens} tokens needs {size.Cache:N0} bytes; "
                + $"the limit is {limits.MaxCacheBytes:N0} (Service:MaxCacheMegabytes). Lower MaxSlots or MaxTokens, or raise it.");
        }

        if (options.MaxModelBytes > 0)
        {
            Told(
                () =>
                {
                    size.RequireWithin(source.Folder, options.MaxModelBytes, freeBytes: 0);
                    return size;
                },
                start,
                faults);
        }
    }

    private static T? Told<T>(Func<T?> read, string start, ICollection<string> faults)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is CheckpointException or RequestFault or IOException or UnauthorizedAccessException)
        {
            faults.Add(start + e.Message);
            return null;
        }
    }
}
