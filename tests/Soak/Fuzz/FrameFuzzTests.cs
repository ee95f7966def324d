namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Sends malformed HTTP/2 and gRPC frames over raw sockets: the service answers or closes each one and survives.</summary>
public sealed class FrameFuzzTests
{
    private const int Seed = 303;
    private const int Short = 3_000;
    private const int Whole = 15_000;

    private const int Unknown = 2;
    private const int Internal = 13;

    // OK, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL
    private static readonly int[] Statuses = [0, Unknown, 3, 4, 5, 8, 12, Internal];

    // Broken framing has these two statuses in Grpc.AspNetCore itself, with these messages; the service's own faults have others.
    private static readonly string[] FramingFaults =
    [
        "Incomplete message.",
        "Additional data after the message received.",
        "Incoming message cancelled.",
        "Request did not include grpc-encoding value",
        "Request sent 'identity' grpc-encoding value",
        "Content-Type",
        "Request protocol",
    ];

    [Fact]
    public Task Connection_MalformedFrames_IsAnsweredOrEnded() => RunAsync(Short);

    [Fact(Explicit = true)]
    [Trait("Soak", "fuzz")]
    public Task Connection_ManyMalformedFrames_IsAnsweredOrEnded() => RunAsync(Whole);

    [Fact]
    public async Task Connection_WholeRequest_IsAnswered()
    {
        // Shows that the writer and the reader here speak HTTP/2: without it every case might end unheard.
        await using var service = await FuzzedService.StartAsync();
        var list = FuzzMethod.All.Single(method => method.Name == "List");
        byte[] request = new Http2Bytes().Open()
            .Frame(Http2Bytes.Headers, Http2Bytes.EndHeaders, 1, Http2Bytes.Block(
            [
                (":method", "POST"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", list.Path),
                ("te", "trailers"), ("content-type", "application/grpc"),
            ]))
            .Frame(Http2Bytes.Data, Http2Bytes.EndStream, 1, Http2Bytes.Message(list.Valid[0]))
            .ToArray();

        var answer = await Http2Answer.AskAsync(service.Url, request, cut: false);

        Assert.Equal(new Http2Answer(200, 0, ""), answer);
    }

    private static async Task RunAsync(int cases)
    {
        await using var service = await FuzzedService.StartAsync();
        await FuzzRun.RunAsync(Seed, cases, async random =>
        {
            var next = FrameCases.Next(random);
            Judge(await Http2Answer.AskAsync(service.Url, next.Bytes, next.Cut));
        });
        await service.AssertUnharmedAsync();
    }

    private static void Judge(Http2Answer answer)
    {
        if (answer.Http >= 500)
        {
            Assert.Fail($"HTTP {answer.Http}: a fault of the service's own.");
        }

        if (answer.Grpc is not { } status)
        {
            return;
        }

        if (!Statuses.Contains(status))
        {
            Assert.Fail($"gRPC status {status}: {answer.Message}");
        }

        if (status is Unknown or Internal && !FramingFaults.Any(fault => answer.Message.StartsWith(fault, StringComparison.Ordinal)))
        {
            Assert.Fail($"gRPC status {status} is a fault of the service's own: {answer.Message}");
        }

        Verdict.AssertNoRequestText("the service", answer.Message);
    }
}
