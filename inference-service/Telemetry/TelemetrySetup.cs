using System.Diagnostics.Metrics;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Rudder.Engine;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Sets up OpenTelemetry: always the Prometheus page, and OTLP if the settings or the environment name a collector.</summary>
internal static class TelemetrySetup
{
    /// <summary>Path of the page for Prometheus.</summary>
    public const string MetricsRoute = "/metrics";

    /// <summary>OpenTelemetry's own variable for the collector; <see cref="TelemetryOptions.OtlpEndpoint"/> wins over it.</summary>
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string ServiceName = "rudder-inference-service";
    private const string Metrics = "metrics";
    private const string Traces = "traces";

    // Timeout of one export and of one scrape. Prometheus gives up after 10 seconds by default.
    private const int LimitMilliseconds = 5_000;

    private const int LongestTraceDelaySeconds = 5;

    // About 16 for each loaded model. Those of unloaded models are released at the next collection.
    private const int MaxStreams = 20_000;

    private static readonly string[] Meters =
        [ServiceMetrics.MeterName, EngineHost.MeterName, "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Hosting"];

    /// <summary>Registers instruments, spans and their export.</summary>
    /// <param name="services">The service's parts.</param>
    /// <param name="options">Section Service:Telemetry.</param>
    /// <param name="configuration">All settings, the environment among them.</param>
    public static IServiceCollection AddTelemetry(this IServiceCollection services, TelemetryOptions options, IConfiguration configuration)
    {
        services.AddSingleton<ServiceMetrics>().AddSingleton<CollectorWatch>();
        bool sends = options.OtlpEndpoint.Length > 0 || !string.IsNullOrEmpty(configuration[EndpointVariable]);
        var telemetry = services.AddOpenTelemetry().ConfigureResource(Describe).WithMetrics(metrics =>
        {
            metrics.SetExemplarFilter(ExemplarFilterType.AlwaysOff).SetMaxMetricStreams(MaxStreams).AddMeter(Meters).AddPrometheusExporter(page =>
            {
                page.ScopeInfoEnabled = false;
                page.ScrapeResponseCacheDurationMilliseconds = 0;
                page.ScrapeResponseTimeoutMilliseconds = LimitMilliseconds;
            });
            if (sends)
            {
                metrics.AddOtlpExporter(Metrics, (_, reader) =>
                {
                    reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = options.ExportSeconds * 1000;
                    reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = LimitMilliseconds;
                });
            }
        });

        // Meter names are global to the process. In tests, other services in the same process use the same names.
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            var own = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => instrument.Meter.Scope is { } scope && !ReferenceEquals(scope, own) ? MetricStreamConfiguration.Drop : null);
        });
        if (sends)
        {
            telemetry.WithTracing(traces => traces
                .AddAspNetCoreInstrumentation(ServiceTracing.Configure)
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TracePercent / 100.0)))
                .AddOtlpExporter(Traces, exporter =>
                {
                    exporter.BatchExportProcessorOptions.ScheduledDelayMilliseconds = Math.Min(options.ExportSeconds, LongestTraceDelaySeconds) * 1000;
                    exporter.BatchExportProcessorOptions.ExporterTimeoutMilliseconds = LimitMilliseconds;
                }));
            services.AddCollector(Metrics, options).AddCollector(Traces, options);
        }

        return services;
    }

    // Later entries win: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override the service's own description.
    private static void Describe(ResourceBuilder resource) => resource
        .AddService(ServiceName, serviceVersion: typeof(TelemetrySetup).Assembly.GetName().Version?.ToString(3))
        .AddEnvironmentVariableDetector();

    /// <summary>Points one exporter at the collector. OTEL_EXPORTER_OTLP_… applies where a setting is absent.</summary>
    private static IServiceCollection AddCollector(this IServiceCollection services, string signal, TelemetryOptions options)
    {
        services.AddOptions<OtlpExporterOptions>(signal).Configure<CollectorWatch>((exporter, watch) =>
        {
            exporter.TimeoutMilliseconds = LimitMilliseconds;
            exporter.HttpClientFactory = () =>
                new HttpClient(watch.Around(new SocketsHttpHandler())) { Timeout = TimeSpan.FromMilliseconds(LimitMilliseconds) };
            if (options.OtlpProtocol is { } protocol)
            {
                exporter.Protocol = protocol == OtlpProtocol.Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
            }

            if (options.OtlpEndpoint.Length > 0)
            {
                bool http = exporter.Protocol == OtlpExportProtocol.HttpProtobuf;
                exporter.Endpoint = new Uri(http ? $"{options.OtlpEndpoint.TrimEnd('/')}/v1/{signal}" : options.OtlpEndpoint);
            }
        });
        return services;
    }
}
