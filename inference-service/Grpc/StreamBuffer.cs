using System.Threading.Channels;

namespace Rudder.InferenceService.Grpc;

/// <summary>Bounded buffer between the engine's thread, which never waits, and a reader. A reader that is too far behind has its call given up.</summary>
/// <param name="capacity">Events that may wait, <c>Service:MaxStreamBuffer</c>.</param>
/// <param name="giveUp">Ends the call's work; called once, on the writer's thread, when the reader is too far behind. Must return at once, never throw.</param>
/// <typeparam name="T">An event.</typeparam>
internal sealed class StreamBuffer<T>(int capacity, Action giveUp)
{
    private readonly Channel<T> _events = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = true });
    private volatile SlowReaderException? _overflow;

    /// <summary>Set when the buffer has overflowed; distinguishes that from other ends of the call.</summary>
    public SlowReaderException? Overflow => _overflow;

    /// <summary>Adds an event, without waiting.</summary>
    /// <returns>False when the reader was given up, now or before, or the buffer is complete: the event is dropped.</returns>
    public bool TryWrite(T item)
    {
        if (_events.Writer.TryWrite(item))
        {
            return true;
        }

        // The buffer is full or complete. Only the first completion counts: after the regular end this is not an overflow.
        var overflow = new SlowReaderException(capacity);
        if (_events.Writer.TryComplete(overflow))
        {
            _overflow = overflow;
            giveUp();
        }

        return false;
    }

    /// <summary>No more events come; those that wait can still be read.</summary>
    public void Complete() => _events.Writer.TryComplete();

    /// <summary>The events in order, until the buffer is complete. One reader only.</summary>
    /// <exception cref="SlowReaderException">After the events that fitted: the reader was too far behind.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    public IAsyncEnumerable<T> ReadAllAsync(CancellationToken cancellation) => _events.Reader.ReadAllAsync(cancellation);
}

/// <summary>The reader of a stream is too far behind. The call gets RESOURCE_EXHAUSTED.</summary>
/// <param name="behind">Events that wait for it.</param>
internal sealed class SlowReaderException(int behind) : Exception(
    $"the reader is {behind} events behind and the buffer holds no more; the call was given up. Read faster, ask for less at once, or raise Service:MaxStreamBuffer.");
