using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests.Hub;

/// <summary>Pulls from a hub on this machine that cuts, lies, redirects and asks to wait.</summary>
public sealed class ModelHubTests : IDisposable
{
    private const string Model = "org/tiny";
    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub;

    public ModelHubTests() => _hub = new FakeHub(new Dictionary<string, byte[]>
    {
        ["config.json"] = Encoding.UTF8.GetBytes("""{"model_type": "gpt2"}"""),
        ["tokenizer.json"] = Bytes(3_000, 1),
        ["chat_template.jinja"] = Encoding.UTF8.GetBytes("{{ messages }}"),
        ["model.safetensors"] = Bytes(1_000_000, 2),
        ["pytorch_model.bin"] = Bytes(2_000, 3),
        ["README.md"] = Bytes(500, 4),
        ["onnx/model.onnx"] = Bytes(5_000, 5),
    });

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Pull_Model_FetchesWhatIsReadInTheCacheLayout()
    {
        HubModel model = await PullAsync();
        Assert.Equal(Path.Combine(Cached("snapshots"), FakeHub.Commit), model.Folder);
        Assert.Equal(
            ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"],
            Directory.GetFiles(model.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(model.Folder), file => Assert.Equal(_hub.Files[Path.GetFileName(file)], File.ReadAllBytes(file)));
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(Cached("refs"), "main")));
        Assert.Equal("org/tiny@" + FakeHub.Commit, ModelHub.NameOf(model.Folder));
        string blob = _hub.HonestList()["siblings"]![3]!["lfs"]!["sha256"]!.ToString();
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
        int before = _hub.Requests.Count;
        HubModel again = await PullAsync();
        Assert.Equal((first.Folder, 0L, before + 1), (again.Folder, again.FetchedBytes, _hub.Requests.Count)); // only the list
        await PullAsync(revision: FakeHub.Commit);
        Assert.Equal(before + 1, _hub.Requests.Count); // a commit needs no network
    }

    [Fact]
    public async Task Pull_CutConnections_ResumesEachTimeWhereItStopped()
    {
        byte[] weights = _hub.Files["model.safetensors"];
        int cuts = 0;
        _hub.Before = (_, context) => IsWeights(context) && context.Request.Headers["Range"] is null && cuts++ == 0 && FakeHub.Cut(context, weights, 400_000);
        HubModel model = await PullAsync();
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.Contains(_hub.Requests, request => request.Range is not null && request.Range != "bytes=0-");
    }

    [Fact]
    public async Task Pull_HubThatAlwaysCuts_KeepsThePartThatTheNextPullResumes()
    {
        byte[] weights = _hub.Files["model.safetensors"];
        _hub.Before = (_, context) => IsWeights(context)
            && (context.Request.Headers["Range"] is null ? FakeHub.Cut(context, weights, 300_000) : FakeHub.Status(context, 503));
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        FileInfo partial = Assert.Single(new DirectoryInfo(Cached("blobs")).GetFiles("*.incomplete"));
        Assert.InRange(partial.Length, 1, 300_000);
        Assert.False(Directory.Exists(Cached("snapshots")));
        _hub.Before = (_, _) => false;
        HubModel model = await PullAsync();
        Assert.Equal($"bytes={partial.Length}-", _hub.Requests[^1].Range);
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Pull_Stopped_KeepsThePartThatTheNextPullResumes()
    {
        byte[] weights = _hub.Files["model.safetensors"];
        using var stop = new CancellationTokenSource();
        var progress = new Watch(done => done > 100_000, stop);
        using var released = new ManualResetEventSlim();
        _hub.Before = (_, context) =>
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
        Assert.Contains(_hub.Requests, request => request.Range == $"bytes={kept}-");
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Pull_HubWithoutRanges_StartsAgain()
    {
        byte[] weights = _hub.Files["model.safetensors"];
        int asked = 0;
        _hub.Before = (_, context) =>
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
        string hash = _hub.HonestList()["siblings"]![3]!["lfs"]!["sha256"]!.ToString();
        Directory.CreateDirectory(Cached("blobs"));
        File.WriteAllBytes(Path.Combine(Cached("blobs"), hash + ".incomplete"), Bytes(500_000, 99));
        HubModel model = await PullAsync();
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Theory]
    [InlineData("model.safetensors")] // SHA-256
    [InlineData("config.json")] // git's blob hash
    public async Task Pull_OtherBytesThanListed_IsRefusedAndNothingAppears(string file)
    {
        _hub.List = _hub.HonestList();
        _hub.Files[file] = [.. _hub.Files[file]];
        _hub.Files[file][5] ^= 1;
        Assert.Contains("hash", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        RequireNothing();
    }

    [Fact]
    public async Task Pull_MoreBytesThanListed_IsRefused()
    {
        _hub.List = _hub.HonestList();
        _hub.Files["model.safetensors"] = Bytes(1_000_100, 2);
        Assert.Contains("sends more", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        RequireNothing();
    }

    [Fact]
    public async Task Pull_FewerBytesThanListed_GivesUp()
    {
        _hub.List = _hub.HonestList();
        byte[] shorter = _hub.Files["model.safetensors"][..900_000];
        _hub.Before = (_, context) => IsWeights(context) && (context.Request.Headers["Range"] is null ? Whole(context, shorter) : FakeHub.Status(context, 416));
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        Assert.False(Directory.Exists(Cached("snapshots")));
    }

    [Fact]
    public async Task Pull_TooManyRequestsThenAnswer_Waits()
    {
        _hub.Before = (request, context) => request is 1 or 3 && FakeHub.Status(context, request == 1 ? 429 : 500, "Retry-After", "0");
        await PullAsync();
    }

    [Fact]
    public async Task Pull_RetryAfterAboveTheBound_GivesUpAtOnce()
    {
        _hub.Before = (_, context) => FakeHub.Status(context, 429, "Retry-After", "100000");
        HubUnavailableException refused = await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync());
        Assert.Contains("100000 s", refused.Message, StringComparison.Ordinal);
        Assert.Single(_hub.Requests);
    }

    [Theory]
    [InlineData(401, "HF_TOKEN")]
    [InlineData(404, "no such model")]
    public async Task Pull_Refused_SaysWhatToDo(int status, string remedy)
    {
        _hub.Before = (_, context) => FakeHub.Status(context, status);
        Assert.Contains(remedy, (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        Assert.Single(_hub.Requests); // final faults are not tried again
    }

    [Fact]
    public async Task Pull_RedirectToAnotherHost_KeepsTheTokenFromIt()
    {
        using var other = new FakeHub(_hub.Files);
        _hub.Before = (_, context) => IsWeights(context) && FakeHub.Status(context, 302, "Location", other.Address + context.Request.Url!.AbsolutePath + "?signature=x");
        HubModel model = await PullAsync(token: "hf_secret");
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.All(_hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Authorization));
        Assert.NotEmpty(other.Requests);
        Assert.All(other.Requests, request => Assert.Null(request.Authorization));
    }

    [Fact]
    public async Task Pull_RedirectOnTheSameHost_KeepsTheToken()
    {
        _hub.Before = (_, context) => context.Request.Url!.AbsolutePath == "/api/models/org/tiny/revision/main"
            && FakeHub.Status(context, 307, "Location", "/api/models/neworg/tiny/revision/main?blobs=true"); // a renamed model
        await PullAsync(token: "hf_secret");
        Assert.All(_hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Authorization));
    }

    [Theory]
    [InlineData("http://example.invalid/x")]
    [InlineData("file:///etc/passwd")]
    public async Task Pull_RedirectToAnUnsafeAddress_IsRefused(string target)
    {
        _hub.Before = (_, context) => IsWeights(context) && FakeHub.Status(context, 302, "Location", target);
        Assert.Contains("redirects to", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_RedirectLoop_IsRefused()
    {
        _hub.Before = (_, context) => FakeHub.Status(context, 302, "Location", context.Request.Url!.ToString());
        await Assert.ThrowsAsync<CheckpointException>(() => PullAsync());
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/tmp/x")]
    [InlineData("..\\x")]
    [InlineData("config.json\0.txt")]
    [InlineData("a/../../config.json")]
    public async Task Pull_ListWithPathTricks_WritesOnlyKnownNames(string name)
    {
        _hub.List = _hub.HonestList();
        JsonNode trick = _hub.List["siblings"]![0]!.DeepClone();
        trick["rfilename"] = name;
        _hub.List["siblings"]!.AsArray().Add(trick);
        HubModel model = await PullAsync();
        Assert.Equal(4, Directory.GetFileSystemEntries(model.Folder).Length);
        Assert.Equal(["models--org--tiny"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("blobId", "../../../../x")]
    [InlineData("blobId", "/tmp/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    [InlineData("sha", "../../0123456789abcdef0123456789abcdef01")]
    public async Task Pull_HashThatIsAPath_IsRefused(string key, string value)
    {
        _hub.List = _hub.HonestList();
        JsonNode place = key == "sha" ? _hub.List : _hub.List["siblings"]![0]!;
        place[key] = value;
        Assert.Contains("hexadecimal", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("/tmp/x.safetensors")]
    [InlineData("x\0.safetensors")]
    [InlineData("unlisted.safetensors")]
    public async Task Pull_IndexWithPathTricks_IsRefusedByName(string part)
    {
        Shard(part, "model-00001-of-00001.safetensors");
        CheckpointException refused = await Assert.ThrowsAsync<CheckpointException>(() => PullAsync());
        Assert.Contains(MessageText.Clean(part), refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Cached("snapshots")));
    }

    [Fact]
    public async Task Pull_ShardedModel_FetchesIndexAndParts()
    {
        Shard("model-00001-of-00001.safetensors", "model-00001-of-00001.safetensors");
        HubModel model = await PullAsync();
        Assert.Equal(
            ["chat_template.jinja", "config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json", "tokenizer.json"],
            Directory.GetFiles(model.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pull_OnlyTorchWeights_FetchesThem()
    {
        _hub.Files.Remove("model.safetensors");
        Assert.True(File.Exists(Path.Combine((await PullAsync()).Folder, "pytorch_model.bin")));
    }

    [Fact]
    public async Task Pull_SilentHub_TakesTheCachedFolderAndSaysSo()
    {
        HubModel first = await PullAsync();
        _hub.Before = (_, context) => FakeHub.Status(context, 503, "Retry-After", "0");
        HubModel cached = await PullAsync();
        Assert.Equal(first.Folder, cached.Folder);
        Assert.NotNull(cached.Note);
        int before = _hub.Requests.Count;
        Assert.Equal(first.Folder, (await PullAsync(offline: true)).Folder);
        Assert.Equal(before, _hub.Requests.Count);
    }

    [Fact]
    public async Task Pull_OfflineWithoutCache_IsRefused()
    {
        await Assert.ThrowsAsync<HubUnavailableException>(() => PullAsync(offline: true));
        Assert.Empty(_hub.Requests);
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static bool IsWeights(HttpListenerContext context) => context.Request.Url!.AbsolutePath.EndsWith("/model.safetensors", StringComparison.Ordinal);

    private static bool Whole(HttpListenerContext context, byte[] content)
    {
        context.Response.ContentLength64 = content.Length;
        context.Response.OutputStream.Write(content);
        context.Response.Close();
        return true;
    }

    private void Shard(string named, string held)
    {
        _hub.Files.Remove("model.safetensors");
        _hub.Files[held] = Bytes(2_000, 6);
        _hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes(new JsonObject { ["weight_map"] = new JsonObject { ["w"] = named } }.ToJsonString());
    }

    private string Cached(string part) => Path.Combine(_folder.Path, "models--org--tiny", part);

    private void RequireNothing()
    {
        Assert.False(Directory.Exists(Cached("snapshots")));
        Assert.False(Directory.Exists(Cached("refs")));
        Assert.All(new DirectoryInfo(Cached("blobs")).GetFiles("*.incomplete"), partial => Assert.Equal(0, partial.Length));
    }

    private async Task<HubModel> PullAsync(
        string revision = "main", string? token = null, bool offline = false, IProgress<(long Done, long Total)>? progress = null, CancellationToken stop = default)
    {
        using var hub = new ModelHub(new HubSettings
        {
            Endpoint = new Uri(_hub.Address), Cache = _folder.Path, Token = token, Offline = offline, FirstWait = TimeSpan.FromMilliseconds(1),
        });
        return await hub.PullAsync(HubName.Parse($"{Model}@{revision}"), progress, stop).WaitAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
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
