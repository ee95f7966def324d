namespace Rudder.Engine.Scoring;

/// <summary>Bounds the sequences that the scoring calls of one model hold, waiting and running: a call beyond it is refused before it waits.</summary>
/// <remarks>Without a bound, calls that come faster than they are served would pile up with all their texts until memory ends.</remarks>
internal sealed class ScoringAdmission
{
    private int _held;

    /// <summary>Sequences held now.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Counts a call in; disposing the result counts it out.</summary>
    /// <param name="sequences">Texts or sequences of the call.</param>
    /// <param name="capacity">Sequences that may be held; a single larger call passes where no other is.</param>
    /// <exception cref="RequestFault">It would hold more than the capacity; nothing is counted then.</exception>
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

    private void Leave(int sequences) => Interlocked.Add(ref _held, -sequences);

    /// <summary>A call that was counted in.</summary>
    private sealed class Place(ScoringAdmission admission, int sequences) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                admission.Leave(sequences);
            }
        }
    }
}
