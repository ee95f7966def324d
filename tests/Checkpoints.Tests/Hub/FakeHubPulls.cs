using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests.Hub;

/// <summary>A hub on this machine with one model, and a cache of its own.</summary>
public abstract class FakeHubPulls : IDisposable
{
    private const string Model = "org/tiny";
    private protected TemporaryFolder Folder { get; } = new();
    private protected FakeHub Hub { get; }

    protected FakeHubPulls() => Hub = new FakeHub(new Dictionary<string, byte[]>
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
        GC.SuppressFinalize(this);
        Hub.Dispose();
        Folder.Dispose();
    }

    private protected static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private protected static bool IsWeights(HttpListenerContext context) => context.Request.Url!.AbsolutePath.EndsWith("/model.safetensors", StringComparison.Ordinal);

    private protected static bool Whole(HttpListenerContext context, byte[] content)
    {
        context.Response.ContentLength64 = content.Length;
        context.Response.OutputStream.Write(content);
        context.Response.Close();
        return true;
    }

    private protected void Shard(string named, string held)
    {
        Hub.Files.Remove("model.safetensors");
        Hub.Files[held] = Bytes(2_000, 6);
        Hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes(new JsonObject { ["weight_map"] = new JsonObject { ["w"] = named } }.ToJsonString());
    }

    private protected string Cached(string part) => Path.Combine(Folder.Path, "models--org--tiny", part);

    private protected void RequireNothing()
    {
        Assert.False(Directory.Exists(Cached("snapshots")));
        Assert.False(Directory.Exists(Cached("refs")));
        Assert.All(new DirectoryInfo(Cached("blobs")).GetFiles("*.incomplete"), partial => Assert.Equal(0, partial.Length));
    }

    private protected async Task<HubModel> PullAsync(
        string revision = "main", string? token = null, bool offline = false, IProgress<(long Done, long Total)>? progress = null, CancellationToken stop = default)
    {
        using var hub = new ModelHub(new HubSettings
        {
            Endpoint = new Uri(Hub.Address), Cache = Folder.Path, Token = token, Offline = offline, FirstWait = TimeSpan.FromMilliseconds(1),
        });
        return await hub.PullAsync(HubName.Parse($"{Model}@{revision}"), progress, stop).WaitAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
    }
}
