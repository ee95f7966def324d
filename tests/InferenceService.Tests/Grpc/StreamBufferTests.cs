using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class StreamBufferTests
{
    private int _givenUp;

    [Fact]
    public async Task TryWrite_ReaderTooFarBehind_GivesUpOnceAndTheReaderMeetsItAfterWhatFitted()
    {
        var buffer = Buffer(3);
        Assert.True(buffer.TryWrite(1) && buffer.TryWrite(2) && buffer.TryWrite(3));
        Assert.Equal(0, _givenUp);

        Assert.False(buffer.TryWrite(4));
        Assert.False(buffer.TryWrite(5));

        Assert.Equal(1, _givenUp);
        Assert.NotNull(buffer.Overflow);
        List<int> read = [];
        var fault = await Assert.ThrowsAsync<SlowReaderException>(() => ReadAsync(buffer, read));
        Assert.Equal([1, 2, 3], read);
        Assert.Contains("the reader is 3 events behind", fault.Message);
        Assert.Contains("Service:MaxStreamBuffer", fault.Message);
    }

    [Fact]
    public async Task TryWrite_ReaderKeepsUp_LosesNothing()
    {
        var buffer = Buffer(2);
        await using var reader = buffer.ReadAllAsync(CancellationToken.None).GetAsyncEnumerator();
        for (int i = 0; i < 100; i++)
        {
            Assert.True(buffer.TryWrite(i));
            Assert.True(await reader.MoveNextAsync());
            Assert.Equal(i, reader.Current);
        }

        buffer.Complete();
        Assert.False(await reader.MoveNextAsync());
        Assert.Equal(0, _givenUp);
    }

    [Fact]
    public async Task TryWrite_AfterTheEnd_IsNoOverflow()
    {
        var buffer = Buffer(1);
        Assert.True(buffer.TryWrite(1));
        buffer.Complete();
        Assert.False(buffer.TryWrite(2));

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

    private StreamBuffer<int> Buffer(int capacity) => new(capacity, () => _givenUp++);

    private static async Task ReadAsync(StreamBuffer<int> buffer, List<int> read, CancellationToken cancellation = default)
    {
        await foreach (int item in buffer.ReadAllAsync(cancellation))
        {
            read.Add(item);
        }
    }
}
