using Rudder.Engine;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Settings;

public sealed class EngineSettingsTests
{
    [Fact]
    public void Of_SettingsOfTheService_AreTheEngines()
    {
        var settings = new ServiceOptions
        {
            Device = GraphDevice.Cuda,
            CudaProviderLibrary = "provider.so",
            MaxSlots = 3,
            MaxTokens = 17,
            Threads = 5,
            MaxCacheMegabytes = 6,
            MaxModelMegabytes = 11,
            MaxQueue = 7,
            MaxPrefillTokens = 8,
            SharePrefixes = PrefixSharing.None,
            MaxScoringTokens = 9,
            MaxScoringMegabytes = 10,
            DrainSeconds = 12,
        };

        var limits = EngineSettings.Of(settings);

        Assert.Equal((GraphDevice.Cuda, "provider.so"), (limits.Device, limits.CudaProviderLibrary));
        Assert.Equal((3, 17, 5, 6L << 20, 11L << 20), (limits.MaxSlots, limits.MaxTokens, limits.Threads, limits.MaxCacheBytes, limits.MaxModelBytes));
        Assert.Equal((7, 8, PrefixSharing.None), (limits.MaxQueuedSequences, limits.MaxPrefillTokens, limits.SharePrefixes));
        Assert.Equal((9, 10L << 20, TimeSpan.FromSeconds(12)), (limits.MaxScoringTokens, limits.MaxScoringBytes, limits.DrainTime));
    }
}
