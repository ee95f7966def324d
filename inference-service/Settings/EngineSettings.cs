using Rudder.Engine;

namespace Rudder.InferenceService.Settings;

/// <summary>Translates the service's settings into the engine's.</summary>
internal static class EngineSettings
{
    private const long Mebi = 1 << 20;

    /// <summary>The limits that the settings give the engine.</summary>
    public static EngineOptions Of(ServiceOptions options) => new()
    {
        Device = options.Device,
        CudaProviderLibrary = options.CudaProviderLibrary,
        MaxSlots = options.MaxSlots,
        MaxTokens = options.MaxTokens,
        Threads = options.Threads,
        MaxCacheBytes = options.MaxCacheMegabytes * Mebi,
        MaxModelBytes = options.MaxModelMegabytes * Mebi,
        MaxQueuedSequences = options.MaxQueue,
        MaxPrefillTokens = options.MaxPrefillTokens,
        SharePrefixes = options.SharePrefixes,
        MaxScoringTokens = options.MaxScoringTokens,
        MaxScoringBytes = options.MaxScoringMegabytes * Mebi,
        MaxPrompts = options.MaxPrompts,
        MaxSamples = options.MaxSamples,
        MaxSequences = options.MaxSequences,
        MaxStops = options.MaxStops,
        MaxStopLength = options.MaxStopLength,
        MaxInputs = options.MaxInputs,
        MaxTextLength = options.MaxTextLength,
        MaxRankedBytes = options.MaxReplyBytes,
        DrainTime = TimeSpan.FromSeconds(options.DrainSeconds),
    };

    /// <summary>A model from the settings. Its path is relative to the current folder.</summary>
    public static ModelSource Of(ModelOptions model) => new(model.Name, Path.GetFullPath(model.Path), model.Engine, model.Precision);
}
