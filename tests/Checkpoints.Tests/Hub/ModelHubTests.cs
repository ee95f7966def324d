using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests.Hub;

/// <summary>Pulls from a hub on this machine that cuts, lies and asks to wait.</summary>
public sealed class ModelHubTests : FakeHubPulls
{
    [Fact]
    public async Task Pull_Model_FetchesWhatIsReadInTheCacheLayout()
    {
        HubModel model = await PullAsync();
        Assert.Equal(Path.Combine(Cached("snapshots"), FakeHub.Commit), model.Folder);
        Assert.Equal(
            ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"],
            Directory.GetFiles(model.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(model.Folder), file => Assert.Equal(Hub.Files[Path.GetFileName(file)], File.ReadAllBytes(file)));
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(Cached("refs"), "main")));
        Assert.Equal("org/tiny@" + FakeHub.Commit, ModelHub.NameOf(model.Folder));
        string blob = Hub.HonestList()["siblings"]![3]!["lfs"]!["sha256"]!.ToString();
        Assert.True(File.Exists(Path.Combine(Cached("blobs"), blob)));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal($"../../blobs/{blob}", new FileInfo(Path.Combine(model.Folder, "model.safetensors")).LinkTarget);
        }
    }

    [Fact]
    public async Task Pull_Again_FetchesNothing()
    {
        HubModel first = await PullAsync();
        int before = Hub.Requests.Count;
        HubModel again = await PullAsync();
        Assert.Equal((first.Folder, 0L, before + 1), (again.Folder, again.FetchedBytes, Hub.Requests.Count)); // only the list
        await PullAsync(revision: FakeHub.Commit);
        Assert.Equal(before + 1, Hub.Requests.Count); // a commit needs no network
    }

    [Fact]
    public async Task Pull_CutConnections_ResumesEachTimeWhereItStopped()
    {
        byte[] weights = Hub.Files["model.safetensors"];
        int cuts = 0;
        Hub.Before = (_, context) => IsWeights(context) && context.Request.Headers["Range"] is null && cuts++ == 0 && FakeHub.Cut(context, weights, 400_000);
        HubModel model = await PullAsync();
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.Contains(Hub.Requests, request => request.Range is not null && request.Range != "bytes=0-");
    }

    [Fact]
    public async Task Pull_HubThatAlwaysCuts_KeepsThePartThatTheNextPullResumes()
    {
        byte[] weights = Hub.Files["model.safetensors"];
        Hub.Before = (_, context) => IsWeights(context)
            && (context.Request.Headers["Range"] is null ? FakeHub.Cut(context, weights, 300_000) : FakeHub.Status(context, 503));
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        FileInfo partial = Assert.Single(new DirectoryInfo(Cached("blobs")).GetFiles("*.incomplete"));
        Assert.InRange(partial.Length, 1, 300_000);
        Assert.False(Directory.Exists(Cached("snapshots")));
        Hub.Before = (_, _) => false;
        HubModel model = await PullAsync();
        Assert.Equal($"bytes={partial.Length}-", Hub.Requests[^1].Range);
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Pull_Stopped_KeepsThePartThatTheNextPullResumes()
    {
        byte[] weights = Hub.Files["model.safetensors"];
        using var stop = new CancellationTokenSource();
        var progress = new Watch(done => done > 100_000, stop);
        using var released = new ManualResetEventSlim();
        Hub.Before = (_, context) =>
        {
            if (IsWeights(context) && !released.IsSet)
            {
                context.Response.ContentLength64 = weights.Length;
                context.Response.OutputStream.Write(weights, 0, 500_000);
                context.Response.OutputStream.Flush();
                released.Wait(TimeSpan.FromSeconds(30)); // the rest never comes
                context.Response.Abort();
                return true;
            }

            return false;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PullAsync(progress: progress, stop: stop.Token));
        released.Set();
        long kept = Assert.Single(new DirectoryInfo(Cached("blobs")).GetFiles("*.incomplete")).Length;
        Assert.InRange(kept, 1, 500_000);
        HubModel model = await PullAsync();
        Assert.Contains(Hub.Requests, request => request.Range == $"bytes={kept}-");
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Pull_HubWithoutRanges_StartsAgain()
    {
        byte[] weights = Hub.Files["model.safetensors"];
        int asked = 0;
        Hub.Before = (_, context) =>
        {
            if (IsWeights(context))
            {
                int part = asked++ == 0 ? 300_000 : weights.Length;
                return part < weights.Length ? FakeHub.Cut(context, weights, part) : Whole(context, weights);
            }

            return false;
        };
        HubModel model = await PullAsync();
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Pull_DamagedPartialFile_IsFetchedAgain()
    {
        string hash = Hub.HonestList()["siblings"]![3]!["lfs"]!["sha256"]!.ToString();
        Directory.CreateDirectory(Cached("blobs"));
        File.WriteAllBytes(Path.Combine(Cached("blobs"), hash + ".incomplete"), Bytes(500_000, 99));
        HubModel model = await PullAsync();
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Theory]
    [InlineData("model.safetensors")] // SHA-256
    [InlineData("config.json")] // git's blob hash
    public async Task Pull_OtherBytesThanListed_IsRefusedAndNothingAppears(string file)
    {
        Hub.List = Hub.HonestList();
        Hub.Files[file] = [.. Hub.Files[file]];
        Hub.Files[file][5] ^= 1;
        Assert.Contains("hash", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        RequireNothing();
    }

    [Fact]
    public async Task Pull_MoreBytesThanListed_IsRefused()
    {
        Hub.List = Hub.HonestList();
        Hub.Files["model.safetensors"] = Bytes(1_000_100, 2);
        Assert.Contains("sends more", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        RequireNothing();
    }

    [Fact]
    public async Task Pull_FewerBytesThanListed_GivesUp()
    {
        Hub.List = Hub.HonestList();
        byte[] shorter = Hub.Files["model.safetensors"][..900_000];
        Hub.Before = (_, context) => IsWeights(context) && (context.Request.Headers["Range"] is null ? Whole(context, shorter) : FakeHub.Status(context, 416));
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        Assert.False(Directory.Exists(Cached("snapshots")));
    }

    [Fact]
    public async Task Pull_TooManyRequestsThenAnswer_Waits()
    {
        Hub.Before = (request, context) => request is 1 or 3 && FakeHub.Status(context, request == 1 ? 429 : 500, "Retry-After", "0");
        await PullAsync();
    }

    [Fact]
    public async Task Pull_RetryAfterAboveTheBound_GivesUpAtOnce()
    {
        Hub.Before = (_, context) => FakeHub.Status(context, 429, "Retry-After", "100000");
        HubUnavailableException refused = await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        Assert.Contains("100000 s", refused.Message, StringComparison.Ordinal);
        Assert.Single(Hub.Requests);
    }

    [Fact]
    public async Task Pull_ShardedModel_FetchesIndexAndParts()
    {
        Shard("model-00001-of-00001.safetensors", "model-00001-of-00001.safetensors");
        var progress = new Steps();
        HubModel model = await PullAsync(progress: progress);
        Assert.Single(progress.Seen.Select(step => step.Total).Distinct()); // not before the index says what there is
        Assert.Single(progress.Seen, step => step.Done == step.Total);
        Assert.Equal(
            ["chat_template.jinja", "config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json", "tokenizer.json"],
            Directory.GetFiles(model.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pull_OnlyTorchWeights_FetchesThem()
    {
        Hub.Files.Remove("model.safetensors");
        Assert.True(File.Exists(Path.Combine((await PullAsync()).Folder, "pytorch_model.bin")));
    }

    [Fact]
    public async Task Pull_SilentHub_TakesTheCachedFolderAndSaysSo()
    {
        HubModel first = await PullAsync();
        Hub.Before = (_, context) => FakeHub.Status(context, 503, "Retry-After", "0");
        HubModel cached = await PullAsync();
        Assert.Equal(first.Folder, cached.Folder);
        Assert.NotNull(cached.Note);
        int before = Hub.Requests.Count;
        Assert.Equal(first.Folder, (await PullAsync(offline: true)).Folder);
        Assert.Equal(before, Hub.Requests.Count);
    }

    [Fact]
    public async Task Pull_OfflineWithoutCache_IsRefused()
    {
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync(offline: true));
        Assert.Empty(Hub.Requests);
    }

    private sealed class Steps : IProgress<(long Done, long Total)>
    {
        public List<(long Done, long Total)> Seen { get; } = [];

        public void Report((long Done, long Total) value) => Seen.Add(value);
    }

    private sealed class Watch(Func<long, bool> enough, CancellationTokenSource stop) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value)
        {
            if (enough(value.Done))
            {
                stop.Cancel();
            }
        }
    }
}
