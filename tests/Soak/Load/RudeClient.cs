using System.Net.Sockets;
using Grpc.Net.Client;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>Clients that cancel, stall, die, or give too little time.</summary>
internal sealed class RudeClient(LoadService service, KnownAnswers answers, TimeProvider time)
{
    /// <summary>Completions that a stalling client requests: about 200 KB of events, more than an unread stream's windows hold.</summary>
    public const int StalledSamples = 192;

    private static readonly TimeSpan StallTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TooLittle = TimeSpan.FromMilliseconds(20);

    /// <summary>Makes one request.</summary>
    /// <returns>Null: what such a client gets, it does not compare.</returns>
    public async Task<string?> CallAsync(ClientKind kind, int number, DateTime deadline)
    {
        await (kind switch
        {
            ClientKind.Cancel => CancelAsync(number),
            ClientKind.Stall => StallAsync(number, deadline),
            ClientKind.Die => DieAsync(number),
            ClientKind.Deadline => HurryAsync(number),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no rude client"),
        });
        return null;
    }

    private async Task CancelAsync(int number)
    {
        using var gone = new CancellationTokenSource();
        using var call = service.Sampling.SampleStream(answers.Requests.Sample(LoadModels.Policy, number), cancellationToken: gone.Token);
        await call.ResponseStream.MoveNext(CancellationToken.None);
        await gone.CancelAsync();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            // What was under way may still come; then the cancellation does.
        }
    }

    private async Task StallAsync(int number, DateTime deadline)
    {
        // The reference has no other callers, so that its queue has room for so much.
        var request = answers.Requests.Sample(LoadModels.Reference, number, StalledSamples);
        using var call = service.Sampling.SampleStream(request, deadline: deadline);
        await call.ResponseStream.MoveNext(CancellationToken.None);
        await Task.Delay(StallTime, time);
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            // Reads on as if nothing had been.
        }
    }

    private async Task DieAsync(int number)
    {
        Socket? socket = null;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                // No lingering: closing resets the connection, as the end of a process with unread data does.
                socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var channel = GrpcChannel.ForAddress(service.Url, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        using var call = new Inference.V1.Sampling.SamplingClient(channel).SampleStream(answers.Requests.Sample(LoadModels.Policy, number));
        await call.ResponseStream.MoveNext(CancellationToken.None);
        socket?.Dispose();
    }

    private async Task HurryAsync(int number) => await service.Sampling.SampleAsync(
        answers.Requests.Sample(LoadModels.Policy, number), deadline: time.GetUtcNow().UtcDateTime + TooLittle);
}
