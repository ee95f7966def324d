using System.Text.Json.Nodes;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests.Hub;

/// <summary>Pulls from a hub on this machine that refuses, redirects, or lists names and hashes that lead elsewhere.</summary>
public sealed class HostileHubTests : FakeHubPulls
{
    [Theory]
    [InlineData(401, "HF_TOKEN")]
    [InlineData(404, "no such model")]
    public async Task Pull_Refused_SaysWhatToDo(int status, string remedy)
    {
        Hub.Before = (_, context) => FakeHub.Status(context, status);
        Assert.Contains(remedy, (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        Assert.Single(Hub.Requests); // final faults are not tried again
    }

    [Fact]
    public async Task Pull_RedirectToAnotherHost_KeepsTheTokenFromIt()
    {
        using var other = new FakeHub(Hub.Files);
        Hub.Before = (_, context) => IsWeights(context) && FakeHub.Status(context, 302, "Location", other.Address + context.Request.Url!.AbsolutePath + "?signature=x");
        HubModel model = await PullAsync(token: "hf_secret");
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.All(Hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Authorization));
        Assert.NotEmpty(other.Requests);
        Assert.All(other.Requests, request => Assert.Null(request.Authorization));
    }

    [Fact]
    public async Task Pull_RedirectOnTheSameHost_KeepsTheToken()
    {
        Hub.Before = (_, context) => context.Request.Url!.AbsolutePath == "/api/models/org/tiny/revision/main"
            && FakeHub.Status(context, 307, "Location", "/api/models/neworg/tiny/revision/main?blobs=true"); // a renamed model
        await PullAsync(token: "hf_secret");
        Assert.All(Hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Authorization));
    }

    [Theory]
    [InlineData("http://example.invalid/x")]
    [InlineData("file:///etc/passwd")]
    public async Task Pull_RedirectToAnUnsafeAddress_IsRefused(string target)
    {
        Hub.Before = (_, context) => IsWeights(context) && FakeHub.Status(context, 302, "Location", target);
        Assert.Contains("redirects to", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_RedirectLoop_IsRefused()
    {
        Hub.Before = (_, context) => FakeHub.Status(context, 302, "Location", context.Request.Url!.ToString());
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
        Hub.List = Hub.HonestList();
        JsonNode trick = Hub.List["siblings"]![0]!.DeepClone();
        trick["rfilename"] = name;
        Hub.List["siblings"]!.AsArray().Add(trick);
        HubModel model = await PullAsync();
        Assert.Equal(4, Directory.GetFileSystemEntries(model.Folder).Length);
        Assert.Equal(["models--org--tiny"], Directory.GetFileSystemEntries(Folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("blobId", "../../../../x")]
    [InlineData("blobId", "/tmp/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    [InlineData("sha", "../../0123456789abcdef0123456789abcdef01")]
    public async Task Pull_HashThatIsAPath_IsRefused(string key, string value)
    {
        Hub.List = Hub.HonestList();
        JsonNode place = key == "sha" ? Hub.List : Hub.List["siblings"]![0]!;
        place[key] = value;
        Assert.Contains("hexadecimal", (await Assert.ThrowsAsync<CheckpointException>(() => PullAsync())).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Folder.Path));
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
}
