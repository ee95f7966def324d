using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rudder.Engine;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests;

public sealed class StartAndStopTests
{
    [Fact]
    public async Task StoppingAsync_CallDoesNotHeedItsEnd_StopsWithTheHostAndSaysSo()
    {
        using var state = new ServiceState();
        state.BecomeServing();
        Assert.True(state.TryEnter(out _));                  // a call that never leaves
        using var host = new CancellationTokenSource();
        using var ended = state.Ended.Register(host.Cancel); // the host's patience ends as soon as the call was told to end
        var options = new ServiceOptions { DrainSeconds = 0 };
        await using var models = new EngineHost(new FakeLoader(), new EngineOptions(), TimeProvider.System, NullLogger<EngineHost>.Instance);
        using var meters = new Meters();
        var log = new LoggedLines();
        using var logging = new LoggerFactory([log]);

        await new StartAndStop(state, models, new ServiceMetrics(meters), options, new NoChecks(), [], TimeProvider.System, logging.CreateLogger<StartAndStop>()).StoppingAsync(host.Token).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Contains(log.Written, line => line.StartsWith("1 calls did not end", StringComparison.Ordinal));
        Assert.DoesNotContain("Drained", log.Written);
    }

    private sealed class NoChecks : HealthCheckService
    {
        public override Task<HealthReport> CheckHealthAsync(Func<HealthCheckRegistration, bool>? predicate, CancellationToken cancellationToken = default) =>
            Task.FromResult(new HealthReport(new Dictionary<string, HealthReportEntry>(), TimeSpan.Zero));
    }
}
