using Rudder.Checkpoints;
using Rudder.Engine.Registry;
using Rudder.Engine.Telemetry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Registry;

public sealed class ModelLoaderTests
{
    [Fact]
    public void Limits_ModelOfAShorterContext_AreItsContext()
    {
        using var model = new TinyModel("tiny-gpt2");
        var config = ModelConfig.Load(model.Folder);
        var settings = new EngineOptions { MaxTokens = config.Context + 1 };

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

        Assert.Contains("leads out of the service's model roots", (await Assert.ThrowsAsync<RequestFault>(root.LoadAsync)).Message);
    }

    [Fact]
    public async Task LoadAsync_FolderReplacedByALinkInsideTheRootsSinceItsCheck_IsRefused()
    {
        using var root = new LinkedRoot();
        Directory.Move(root.Folder, root.Folder + "-moved");
        Directory.CreateSymbolicLink(root.Folder, root.Folder + "-moved");

        Assert.Contains($"{root.Folder} was replaced by a link", (await Assert.ThrowsAsync<RequestFault>(root.LoadAsync)).Message);
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
            Source = folders.Source("m", "m", EngineKind.Slots, GraphPrecision.Fp32);
        }

        public ModelSource Source { get; }

        public string Folder => Source.Folder;

        public string Outside => Path.Combine(_base, "outside");

        public async Task LoadAsync()
        {
            using var meters = new Meters();
            var metrics = new EngineMetrics(meters);
            var loader = new ModelLoader(new EngineOptions { Threads = 1, MaxSlots = 2 }, metrics);
            var model = await loader.LoadAsync(Source, CancellationToken.None);
            await (await model.RetireAsync(TimeSpan.FromSeconds(1), TimeProvider.System)).Freed;
        }

        public void Dispose() => Directory.Delete(_base, recursive: true);
    }
}
