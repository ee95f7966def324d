using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Rudder.Engine;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Grpc;

/// <summary>Bounded buffer between the engine's thread, which never waits, and a reader. An overflow cancels the call.</summary>
/// <param name="capacity">Events that may wait, <c>Service:MaxStreamBuffer</c>.</param>
/// <param name="unread">Counts the bytes that wait.</param>
/// <param name="giveUp">Cancels the call on overflow; called once, on the writer's thread. Must return immediately and not throw.</param>
internal sealed class StreamBuffer(int capacity, UnreadBytes unread, Action giveUp)
{
    private const int BytesPerEvent = 64;
    private const int BytesPerToken = sizeof(int) + sizeof(float);

    private readonly Channel<GenerationStep> _events = Channel.CreateBounded<GenerationStep>(new BoundedChannelOptions(capacity) { SingleReader = true });
    private volatile Exception? _overflow;

    /// <summary>The limit that ended the stream: <see cref="SlowReaderException"/> or <see cref="ClientLimitException"/>; null if none.</summary>
    public Exception? Overflow => _overflow;

    /// <summary>Adds an event, without waiting.</summary>
    /// <returns>False if the buffer has overflowed or is complete; the event is dropped.</returns>
    public bool TryWrite(GenerationStep step)
    {
        Exception? overflow = unread.Add(SizeOf(step));
        if (overflow is null && _events.Writer.TryWrite(step))
        {
            return true;
        }

        // Too many bytes wait, or the buffer is full or complete. Only the first completion counts: after a regular end this is not an overflow.
        overflow ??= new SlowReaderException(capacity);
        if (_events.Writer.TryComplete(overflow))
        {
            _overflow = overflow;
            giveUp();
        }

        return false;
    }

    /// <summary>Completes the buffer when the work ends. The reader can still read waiting events, and awaits the work for its failure.</summary>
    public void CompleteAfter(Task work) => work.ContinueWith(
        _ => _events.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <summary>The events in order, until the buffer is complete. One reader only.</summary>
    /// <exception cref="SlowReaderException">The buffer overflowed; thrown after the events that fitted.</exception>
    /// <exception cref="ClientLimitException">The client left too many bytes unread; thrown after the events that fitted.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    public async IAsyncEnumerable<GenerationStep> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var step in _events.Reader.ReadAllAsync(cancellation))
        {
            yield return step;                               // it is sent when the reader asks for the next one
            unread.Remove(SizeOf(step));
        }
    }

    // What a waiting event holds in memory, roughly.
    private static int SizeOf(GenerationStep step) => BytesPerEvent
        + (BytesPerToken * (step.Token?.Top?.Length ?? 0))
        + (step.Finished is { } finished ? BytesPerToken * (finished.Ids.Length + (finished.Top?.Sum(top => top.Length) ?? 0)) : 0);
}

/// <summary>The reader of a stream is too far behind. The call gets RESOURCE_EXHAUSTED.</summary>
/// <param name="behind">Events that wait for it.</param>
internal sealed class SlowReaderException(int behind) : Exception(
    $"the reader is {behind} events behind and the buffer holds no more; the call was given up. Read faster, ask for less at once, or raise Service:MaxStreamBuffer.");
