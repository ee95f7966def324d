using System.Threading.RateLimiting;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class StreamBufferTests : IDisposable
{
    private readonly ConcurrencyLimiter _bytes = new(new ConcurrencyLimiterOptions { PermitLimit = 64 << 10 });
    private readonly List<UnreadBytes> _unread = [];
    private int _givenUp;

    public void Dispose()
    {
        _unread.ForEach(unread => unread.Dispose());
        _bytes.Dispose();
    }

    [Fact]
    public async Task TryWrite_ReaderTooFarBehind_GivesUpOnceAndTheReaderMeetsItAfterWhatFitted()
    {
        var buffer = Buffer(3);
        Assert.True(buffer.TryWrite(Step(1)) && buffer.TryWrite(Step(2)) && buffer.TryWrite(Step(3)));
        Assert.Equal(0, _givenUp);

        Assert.False(buffer.TryWrite(Step(4)));
        Assert.False(buffer.TryWrite(Step(5)));

        Assert.Equal(1, _givenUp);
        Assert.NotNull(buffer.Overflow);
        List<int> read = [];
        var fault = await Assert.ThrowsAsync<SlowReaderException>(() => ReadAsync(buffer, read));
        Assert.Equal([1, 2, 3], read);
        Assert.Contains("the reader is 3 events behind", fault.Message);
        Assert.Contains("Service:MaxStreamBuffer", fault.Message);
    }

    [Fact]
    public async Task TryWrite_UnreadBytesOfAllStreamsReachTheLimit_GivesUpTheStreamThatPassesIt()
    {
        var large = new GenerationStep(0, null, new GeneratedSequence(0, new int[4000], new float[4000], GenerationEnd.Length, 0)); // 32,064 bytes
        var first = Buffer(10);
        var second = Buffer(10);
        Assert.True(first.TryWrite(large));

        Assert.False(second.TryWrite(large) && second.TryWrite(large));

        Assert.Equal(1, _givenUp);
        Assert.Null(first.Overflow);
        Assert.IsType<ClientLimitException>(second.Overflow);
        await Assert.ThrowsAsync<ClientLimitException>(() => ReadAsync(second, []));
    }

    [Fact]
    public async Task TryWrite_ReaderKeepsUp_LosesNothing()
    {
        var buffer = Buffer(2);
        await using var reader = buffer.ReadAllAsync(CancellationToken.None).GetAsyncEnumerator();
        for (int i = 0; i < 2000; i++)                       // 64 bytes each: twice what may wait unread
        {
            Assert.True(buffer.TryWrite(Step(i)));
            Assert.True(await reader.MoveNextAsync());
            Assert.Equal(i, reader.Current.Prompt);
        }

        buffer.CompleteAfter(Task.CompletedTask);
        Assert.False(await reader.MoveNextAsync());
        Assert.Equal(0, _givenUp);
    }

    [Fact]
    public async Task TryWrite_AfterTheEnd_IsNoOverflow()
    {
        var buffer = Buffer(1);
        Assert.True(buffer.TryWrite(Step(1)));
        buffer.CompleteAfter(Task.CompletedTask);
        Assert.False(buffer.TryWrite(Step(2)));

        List<int> read = [];
        await ReadAsync(buffer, read);

        Assert.Equal([1], read);
        Assert.Null(buffer.Overflow);
        Assert.Equal(0, _givenUp);
    }

    [Fact]
    public async Task ReadAllAsync_Cancelled_EndsTheWait()
    {
        using var cancel = new CancellationTokenSource();
        var waiting = ReadAsync(Buffer(1), [], cancel.Token);
        Assert.False(waiting.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static GenerationStep Step(int prompt) => new(prompt, null, null);

    private StreamBuffer Buffer(int capacity)
    {
        var unread = new UnreadBytes(bytes => _bytes.AttemptAcquire(bytes), () => new ClientLimitException("unread"));
        _unread.Add(unread);
        return new StreamBuffer(capacity, unread, () => _givenUp++);
    }

    private static async Task ReadAsync(StreamBuffer buffer, List<int> read, CancellationToken cancellation = default)
    {
        await foreach (var step in buffer.ReadAllAsync(cancellation))
        {
            read.Add(step.Prompt);
        }
    }
}
