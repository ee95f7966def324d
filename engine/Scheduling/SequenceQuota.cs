namespace Rudder.Engine.Scheduling;

/// <summary>Bounds the sequences that the calls of one engine hold together. A call over the bound is refused at once.</summary>
/// <remarks>Without the bound, calls that arrive faster than they are served would fill the memory with their texts.</remarks>
internal sealed class SequenceQuota
{
    private int _held;

    public int Held => Volatile.Read(ref _held);

    /// <summary>Admits a call; disposing the result releases it.</summary>
    /// <param name="sequences">Texts or sequences of the call.</param>
    /// <param name="capacity">Maximum sequences; a single larger call is admitted if there is no other.</param>
    /// <exception cref="RequestFault">The call exceeds the capacity; it does not count then.</exception>
    public IDisposable Enter(int sequences, int capacity)
    {
        int held = Held;
        while (held == 0 || held + (long)sequences <= capacity)
        {
            int before = Interlocked.CompareExchange(ref _held, held + sequences, held);
            if (before == held)
            {
                return new Place(this, sequences);
            }

            held = before;
        }

        throw EngineFaults.QueueFull(held, sequences, capacity);
    }

    private sealed class Place(SequenceQuota quota, int sequences) : IDisposable
    {
        private int _sequences = sequences;

        public void Dispose() => Interlocked.Add(ref quota._held, -Interlocked.Exchange(ref _sequences, 0));
    }
}
