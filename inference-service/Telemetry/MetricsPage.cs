using System.Text;
using Rudder.Engine.Telemetry;

namespace Rudder.InferenceService.Telemetry;

/// <summary><c>GET /metrics</c>: the figures of this moment for Prometheus. One scrape at a time, each bounded.</summary>
internal sealed class MetricsPage(PrometheusExporter exporter) : IDisposable
{
    /// <summary>Where the page is.</summary>
    public const string Route = "/metrics";

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Time to wait for the turn, and again for the page. Default 5 s: Prometheus gives up after 10 unless told otherwise.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Answers one scrape: the page, or 503 where it cannot be made in time.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        string? page = await ReadAsync(context.RequestAborted);
        context.Response.Headers.CacheControl = "no-store";
        if (page is null)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(page), context.RequestAborted);
    }

    public void Dispose() => _turn.Dispose();

    /// <summary>The page, or null where none can be made in time.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task<string?> ReadAsync(CancellationToken cancellation)
    {
        if (!await _turn.WaitAsync(Limit, cancellation))
        {
            return null;
        }

        // The turn belongs to the collection, not to whoever waits for it: one that hangs must not be joined by a second.
        var scrape = Task.Run(Collect, CancellationToken.None);
        try
        {
            return await scrape.WaitAsync(Limit, cancellation);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private string? Collect()
    {
        try
        {
            return exporter.Page(Limit);
        }
        finally
        {
            _turn.Release();
        }
    }
}

/// <summary>Puts the page and what it needs into the service.</summary>
internal static class TelemetryRegistration
{
    /// <summary>Registers instruments, spans and their export.</summary>
    /// <param name="services">The service's parts.</param>
    public static IServiceCollection AddTelemetry(this IServiceCollection services)
    {
        services.AddSingleton<ServiceMetrics>().AddSingleton<EngineMetrics>().AddSingleton<ServiceTracing>();
        services.AddSingleton<PrometheusExporter>().AddSingleton<MetricsPage>().AddSingleton<CollectorWatch>();
        return services.AddHostedService<TelemetryExport>();
    }

    /// <summary>Maps <c>GET /metrics</c>, on every address the service listens on.</summary>
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder app)
    {
        var page = app.ServiceProvider.GetRequiredService<MetricsPage>();
        return app.MapGet(MetricsPage.Route, page.AnswerAsync);
    }
}
