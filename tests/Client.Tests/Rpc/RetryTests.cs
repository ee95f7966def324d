using System.Collections.Concurrent;
using Grpc.Core;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Rpc;

/// <summary>Which failures are tried again, how often, and what bounds a call; over real gRPC.</summary>
public sealed class RetryTests
{
    private static readonly CallSettings Quick = CallSettings.Default with
    {
        Retries = 3,
        RetryDelay = TimeSpan.FromMilliseconds(1),
        MaxRetryDelay = TimeSpan.FromMilliseconds(2),
    };

    public static TheoryData<StatusCode> Codes => [.. Enum.GetValues<StatusCode>().Where(code => code != StatusCode.OK)];

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task Call_FailingStatus_IsRetriedOnlyWhenTheServiceIsFullOrAway(StatusCode code)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, _, _) => throw new RpcException(new Status(code, "scripted"));
        using InferenceClient client = server.Client(Quick);
        ServiceException error = await Assert.ThrowsAsync<ServiceException>(() =>
            client.EncodeAsync(new EncodeRequest(), CancellationToken.None)
        );
        Assert.Equal(code, error.Status);
        Assert.Equal(code is StatusCode.Unavailable or StatusCode.ResourceExhausted ? 4 : 1, server.Count("Encode"));
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.ResourceExhausted)]
    public async Task Call_TwoTransientFailures_ThenAnswers(StatusCode code)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, before, _) => before < 2 ? throw new RpcException(new Status(code, "scripted")) : Task.CompletedTask;
        List<string> log = [];
        using InferenceClient client = new(server.Address, Quick, TimeProvider.System, log.Add);
        EncodeResponse response = await client.EncodeAsync(
            new EncodeRequest { Model = FakeModels.Policy, Texts = { "ab" } },
            CancellationToken.None
        );
        Assert.Equal([97, 98], response.Results[0].Ids);
        Assert.Equal(["retry 1 of 3", "retry 2 of 3"], log.Select(line => line[..12]));
        Assert.All(log, line => Assert.EndsWith($"{ServiceException.Name(code)}, scripted", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Call_ThatStaysUnanswered_SaysWhatItWaitsForAndHowLong()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, _, context) => Task.Delay(Timeout.Infinite, context.CancellationToken);
        ConcurrentQueue<string> log = new();
        using CancellationTokenSource stop = new();
        void Log(string line)
        {
            log.Enqueue(line);
            if (log.Count == 3)
            {
                stop.Cancel();
            }
        }

        using InferenceClient client = new(server.Address, CallSettings.Default, new QuickTimers(), Log);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.EncodeAsync(new EncodeRequest(), stop.Token));
        string[] waited = [.. log.Take(3).Select(line => line.Split("no answer for ")[1].Split(' ')[0])];
        Assert.Equal(["10", "20", "40"], waited);
        Assert.All(log, line => Assert.Contains("Models.Encode", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Call_LongerThanItsDeadline_FailsOnceWithDeadlineExceeded()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, _, context) => Task.Delay(Timeout.Infinite, context.CancellationToken);
        using InferenceClient client = server.Client(Quick with { Deadline = TimeSpan.FromMilliseconds(150) });
        ServiceException error = await Assert.ThrowsAsync<ServiceException>(() =>
            client.EncodeAsync(new EncodeRequest(), CancellationToken.None)
        );
        Assert.Equal(StatusCode.DeadlineExceeded, error.Status);
        Assert.Contains("DEADLINE_EXCEEDED", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, server.Count("Encode"));
    }

    [Fact]
    public async Task Call_CancelledByTheCaller_IsACancellationNotAFailure()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using CancellationTokenSource stop = new();
        server.Fault = async (_, _, context) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };
        using InferenceClient client = server.Client(Quick);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.EncodeAsync(new EncodeRequest(), stop.Token));
    }

    [Fact]
    public async Task Call_NobodyListens_NamesAddressAndHowToStart()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        Uri address = server.Address;
        await server.DisposeAsync();
        using InferenceClient client = new(address, Quick with { Retries = 0 }, TimeProvider.System);
        ServiceException error = await Assert.ThrowsAsync<ServiceException>(() =>
            client.EncodeAsync(new EncodeRequest(), CancellationToken.None)
        );
        Assert.Contains($"inference-service --urls {address.GetLeftPart(UriPartial.Authority)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindModel_UnknownOrOfAnotherKind_NamesWhatThereIs()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        BadInputException unknown = await Assert.ThrowsAsync<BadInputException>(() =>
            client.FindModelAsync("gpt-9", ModelKind.Generator, CancellationToken.None)
        );
        BadInputException kind = await Assert.ThrowsAsync<BadInputException>(() =>
            client.FindModelAsync(FakeModels.Classifier, ModelKind.Generator, CancellationToken.None)
        );
        Assert.Contains("'policy', 'reference', 'classifier'", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("is a classifier, but a generator is needed", kind.Message, StringComparison.Ordinal);
    }

    /// <summary>Timers end a thousand times as fast; the clock itself is the system's.</summary>
    private sealed class QuickTimers : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / 1000 : dueTime, period);
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(100, 51)]
    [InlineData(100, -1)]
    public void Validated_OutOfRange_IsRefused(int milliseconds, int retries) =>
        Assert.Throws<BadInputException>(() =>
            (CallSettings.Default with { Deadline = TimeSpan.FromMilliseconds(milliseconds), Retries = retries }).Validated()
        );
}
