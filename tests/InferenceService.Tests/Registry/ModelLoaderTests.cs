using Rudder.Checkpoints;
using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Options;
using Rudder.InferenceService.Registry;
using Rudder.InferenceService.Tests.Engines;

namespace Rudder.InferenceService.Tests.Registry;

public sealed class ModelLoaderTests
{
    [Fact]
    public void Limits_SettingsOfTheService_AreTheEngines()
    {
        using var model = new TinyModel("tiny-gpt2");
        var settings = new ServiceOptions
        {
            Device = GraphDevice.Cuda,
            CudaProviderLibrary = "provider.so",
            MaxSlots = 3,
            MaxTokens = 17,
            Threads = 5,
            MaxCacheMegabytes = 6,
            MaxQueue = 7,
            MaxPrefillTokens = 8,
            SharePrefixes = PrefixSharing.None,
            MaxScoringTokens = 9,
            MaxScoringMegabytes = 10,
        };

        var limits = ModelLoader.Limits(
            settings, new ModelSource("m", model.Folder, EngineKind.Slots, GraphPrecision.Fp16), ModelConfig.Load(model.Folder));

        Assert.Equal((GraphPrecision.Fp16, GraphDevice.Cuda, "provider.so"), (limits.Precision, limits.Device, limits.CudaProviderLibrary));
        Assert.Equal((3, 17, 5, 6L << 20), (limits.MaxSlots, limits.MaxTokens, limits.Threads, limits.MaxCacheBytes));
        Assert.Equal((7, 8, PrefixSharing.None), (limits.MaxQueuedSequences, limits.MaxPrefillTokens, limits.SharePrefixes));
        Assert.Equal((9, 10L << 20), (limits.MaxScoringTokens, limits.MaxScoringBytes));
    }

    [Fact]
    public void Limits_ModelOfAShorterContext_AreItsContext()
    {
        using var model = new TinyModel("tiny-gpt2");
        var config = ModelConfig.Load(model.Folder);
        var settings = new ServiceOptions { MaxTokens = config.Context + 1 };

        var limits = ModelLoader.Limits(settings, new ModelSource("m", model.Folder, EngineKind.Slots, GraphPrecision.Fp32), config);

        Assert.Equal(config.Context, limits.MaxTokens);
    }
}
