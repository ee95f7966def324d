using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Checkpoints;
using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Registry;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Engines;
using Rudder.InferenceService.Tests.Grpc;

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

    [Fact]
    public async Task LoadAsync_FolderThatACallNamed_Loads()
    {
        using var root = new LinkedRoot();

        await root.LoadAsync();
    }

    [Fact]
    public async Task LoadAsync_FolderReplacedByALinkOutOfTheRootsSinceItsCheck_IsRefused()
    {
        using var root = new LinkedRoot();
        Directory.Move(root.Folder, root.Folder + "-moved");
        Directory.CreateDirectory(root.Outside);             // empty: who looked into it would miss the config
        Directory.CreateSymbolicLink(root.Folder, root.Outside);

        Assert.Contains("leads out of the service's model roots", (await Assert.ThrowsAsync<ModelPathException>(root.LoadAsync)).Message);
    }

    [Fact]
    public async Task LoadAsync_FolderReplacedByALinkInsideTheRootsSinceItsCheck_IsRefused()
    {
        using var root = new LinkedRoot();
        Directory.Move(root.Folder, root.Folder + "-moved");
        Directory.CreateSymbolicLink(root.Folder, root.Folder + "-moved");

        Assert.Contains($"{root.Folder} was replaced by a link", (await Assert.ThrowsAsync<ModelLoadException>(root.LoadAsync)).Message);
    }

    [Fact]
    public void Start_WeightsReplacedByALinkOutOfTheRootsOnceHashed_AreRefusedWhenTheSessionIsOpen()
    {
        using var root = new LinkedRoot();
        var graph = GraphFile.Read(GraphFolder.Open(root.Folder, root.Source.RequireInPlace), "decoder", GraphPrecision.Fp32);
        string weights = Path.Combine(root.Folder, "onnx", "weights.bin");

        var e = Assert.Throws<ModelPathException>(() => graph.Start(1, adjust: _ =>
        {
            File.Move(weights, root.Outside);
            File.CreateSymbolicLink(weights, root.Outside);
        }).Dispose());

        Assert.Contains("'onnx/weights.bin' in the folder at path leads out", e.Message);
    }

    /// <summary>A model in a root, its path checked as a call's is.</summary>
    private sealed class LinkedRoot : IDisposable
    {
        private readonly string _base = Directory.CreateTempSubdirectory("rudder-loader-").FullName;

        public LinkedRoot()
        {
            Directory.CreateDirectory(Path.Combine(_base, "root"));
            ModelCopies.Plain("tiny-gpt2", Path.Combine(_base, "root", "m"));
            var folders = new ModelFolders([Path.Combine(_base, "root")]);
            Source = new ModelSource("m", folders.Resolve("m"), EngineKind.Slots, GraphPrecision.Fp32) { Roots = folders };
        }

        public ModelSource Source { get; }

        public string Folder => Source.Folder;

        public string Outside => Path.Combine(_base, "outside");

        public async Task LoadAsync()
        {
            using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
            var metrics = new EngineMetrics(services.GetRequiredService<IMeterFactory>());
            var loader = new ModelLoader(new ServiceOptions { Threads = 1, MaxSlots = 2 }, metrics);
            var model = await loader.LoadAsync(Source, CancellationToken.None);
            await (await model.RetireAsync(TimeSpan.FromSeconds(1), TimeProvider.System)).Freed;
        }

        public void Dispose() => Directory.Delete(_base, recursive: true);
    }
}
