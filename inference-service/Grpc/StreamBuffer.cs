using System.Threading.Channels;

namespace Rudder.InferenceService.Grpc;

/// <summary>Bounded buffer between the engine's thread, which never waits, and a reader. An overflow cancels the call.</summary>
/// <param name="capacity">Events that may wait, <c>Service:MaxStreamBuffer</c>.</param>
/// <param name="giveUp">Cancels the call on overflow; called once, on the writer's thread. Must return immediately and not throw.</param>
/// <typeparam name="T">An event.</typeparam>
internal sealed class StreamBuffer<T>(int capacity, Action giveUp)
{
    private readonly Channel<T> _events = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = true });
    private volatile SlowReaderException? _overflow;

    /// <summary>Whether the buffer has overflowed; distinguishes that from other reasons for the call's end.</summary>
    public SlowReaderException? Overflow => _overflow;

    /// <summary>Adds an event, without waiting.</summary>
    /// <returns>False if the buffer has overflowed or is complete; the event is dropped.</returns>
    public bool TryWrite(T item)
    {
        if (_events.Writer.TryWrite(item))
        {
            return true;
        }

        // The buffer is full or complete. Only the first completion counts: after a regular end this is not an overflow.
        var overflow = new SlowReaderException(capacity);
        if (_events.Writer.TryComplete(overflow))
        {
            _overflow = overflow;
            giveUp();
        }

        return false;
    }

    /// <summary>Completes the buffer. The reader can still read waiting events.</summary>
    public void Complete() => _events.Writer.TryComplete();

    /// <summary>The events in order, until the buffer is complete. One reader only.</summary>
    /// <exception cref="SlowReaderException">The buffer overflowed; thrown after the events that fitted.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    public IAsyncEnumerable<T> ReadAllAsync(CancellationToken cancellation) => _events.Reader.ReadAllAsync(cancellation);
}

/// <summary>The reader of a stream is too far behind. The call gets RESOURCE_EXHAUSTED.</summary>
/// <param name="behind">Events that wait for it.</param>
internal sealed class SlowReaderException(int behind) : Exception(
    $"the reader is {behind} events behind and the buffer holds no more; the call was given up. Read faster, ask for less at once, or raise Service:MaxStreamBuffer.");
