using static System.FormattableString;

namespace Rudder.Client.Bench;

/// <summary>One load of a sweep; one of both values is given.</summary>
/// <param name="InFlight">Closed loop: requests at once.</param>
/// <param name="Rate">Open loop: mean arrivals per second.</param>
internal sealed record Load(int? InFlight, double? Rate)
{
    /// <summary>E.g. "8 in flight" or "2.5/s".</summary>
    public override string ToString() => Rate is { } rate ? Invariant($"{rate}/s") : $"{InFlight} in flight";

    /// <summary>Starts it.</summary>
    /// <param name="duration">Time in which requests start.</param>
    /// <param name="random">Draws arrivals.</param>
    /// <param name="time">Clock.</param>
    public ISchedule Start(TimeSpan duration, Random random, TimeProvider time) =>
        Rate is { } rate ? new OpenLoop(rate, duration, random, time) : new ClosedLoop(InFlight!.Value, duration, time);
}
