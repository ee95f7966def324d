namespace Rudder.Checkpoints.Tests;

/// <summary>A clock at noon of 26 July 2024 that advances with each look at it.</summary>
internal sealed class TestClock(TimeSpan step) : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(2024, 7, 26, 12, 0, 0, TimeSpan.Zero);

    public override long GetTimestamp() => _ticks += step.Ticks;
}
