using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Rudder.Trainer.Rl;

namespace Rudder.Trainer.Tests.Rl;

/// <summary>An HTTP endpoint on this machine that answers as a test wants.</summary>
internal sealed class RewardServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<JsonNode, (int Status, string Body)> _answer;

    /// <summary>Starts it on a free port.</summary>
    public RewardServer(Func<JsonNode, (int Status, string Body)> answer)
    {
        _answer = answer;
        Address = new Uri($"http://127.0.0.1:{FreePort()}/");
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    /// <summary>Where it answers.</summary>
    public Uri Address { get; }

    /// <summary>What it was asked.</summary>
    public List<JsonNode> Requests { get; } = [];

    /// <summary>A port that nothing uses now.</summary>
    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    /// <summary>A reward that asks this endpoint.</summary>
    public HttpReward Client(int retries) => new(Address, TimeSpan.FromSeconds(30), retries, TimeProvider.System);

    /// <inheritdoc/>
    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            Requests.Add(JsonNode.Parse(context.Request.InputStream)!);
            (context.Response.StatusCode, string body) = _answer(Requests[^1]);
            context.Response.ContentType = "application/json";
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
            context.Response.Close();
        }
    }
}
