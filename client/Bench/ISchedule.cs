namespace Rudder.Client.Bench;

/// <summary>Says when requests start.</summary>
internal interface ISchedule
{
    /// <summary>Waits until the next request may start.</summary>
    /// <returns>The timestamp from which its latency counts; null where the duration is over.</returns>
    Task<long?> NextAsync(CancellationToken cancel);

    /// <summary>Learns that a request has ended.</summary>
    void Ended();
}
