using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Rudder.Tests;

/// <summary>A Hugging Face-compatible hub on this machine with one model, which misbehaves as a test wants.</summary>
internal sealed class FakeHub : IDisposable
{
    /// <summary>The model's commit.</summary>
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly HttpListener _listener = new();

    /// <summary>Starts it on a free port.</summary>
    /// <param name="files">The model's files. Those of at least 1,000 bytes are listed as large files, with a SHA-256.</param>
    public FakeHub(IReadOnlyDictionary<string, byte[]> files)
    {
        Files = new Dictionary<string, byte[]>(files, StringComparer.Ordinal);
        Address = $"http://127.0.0.1:{FreePort()}";
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    /// <summary>Where it answers, without a slash at the end.</summary>
    public string Address { get; }

    /// <summary>What it sends. Changed after <see cref="List"/> was fixed, it sends other bytes than it lists.</summary>
    public Dictionary<string, byte[]> Files { get; }

    /// <summary>The list of files; null makes one of <see cref="Files"/> at each request.</summary>
    public JsonObject? List { get; set; }

    /// <summary>Called before each answer; true where it answered. Gets the request's number, from 1.</summary>
    public Func<int, HttpListenerContext, bool> Before { get; set; } = (_, _) => false;

    /// <summary>Path, Range and Authorization of each request.</summary>
    public List<(string Path, string? Range, string? Authorization)> Requests { get; } = [];

    /// <summary>The list that an honest hub gives.</summary>
    public JsonObject HonestList() => new()
    {
        ["sha"] = Commit,
        ["siblings"] = new JsonArray([.. Files.Select(file => (JsonNode)Entry(file.Key, file.Value))]),
    };

    /// <summary>Sends the first bytes of a file that claims to be whole, and cuts the connection.</summary>
    public static bool Cut(HttpListenerContext context, byte[] content, int after)
    {
        context.Response.ContentLength64 = content.Length;
        context.Response.OutputStream.Write(content, 0, after);
        context.Response.OutputStream.Flush();
        context.Response.Abort();
        return true;
    }

    /// <summary>Answers with a status and one header.</summary>
    public static bool Status(HttpListenerContext context, int status, string? header = null, string? value = null)
    {
        context.Response.StatusCode = status;
        if (header is not null)
        {
            context.Response.Headers[header] = value;
        }

        context.Response.Close();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Close();

    private static JsonObject Entry(string name, byte[] content)
    {
        byte[] head = Encoding.ASCII.GetBytes($"blob {content.Length}\0");
#pragma warning disable CA5350 // git's own hash
        var entry = new JsonObject { ["rfilename"] = name, ["size"] = content.Length, ["blobId"] = Convert.ToHexStringLower(SHA1.HashData([.. head, .. content])) };
#pragma warning restore CA5350
        if (content.Length >= 1000)
        {
            entry["lfs"] = new JsonObject { ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(content)), ["size"] = content.Length, ["pointerSize"] = 134 };
        }

        return entry;
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                Answer(await _listener.GetContextAsync());
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException or IOException)
            {
                // the test ended, or the program hung up
            }
        }
    }

    private void Answer(HttpListenerContext context)
    {
        string path = context.Request.Url!.AbsolutePath;
        string? range = context.Request.Headers["Range"];
        Requests.Add((path, range, context.Request.Headers["Authorization"]));
        if (Before(Requests.Count, context))
        {
            return;
        }

        if (path.StartsWith("/api/models/", StringComparison.Ordinal))
        {
            Send(context, Encoding.UTF8.GetBytes((List ?? HonestList()).ToJsonString()), null);
        }
        else if (path.Contains($"/resolve/{Commit}/", StringComparison.Ordinal) && Files.TryGetValue(path[(path.LastIndexOf('/') + 1)..], out byte[]? content))
        {
            Send(context, content, range);
        }
        else
        {
            Status(context, 404);
        }
    }

    private static void Send(HttpListenerContext context, byte[] content, string? range)
    {
        int from = range is null ? 0 : int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
        if (range is not null)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }

        context.Response.ContentLength64 = content.Length - from;
        context.Response.OutputStream.Write(content, from, content.Length - from);
        context.Response.Close();
    }
}
