using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.Configuration.Memory;
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

    /// <summary>Name of the program in resources and in <c>/version</c>.</summary>
    public const string ServiceName = "rudder-inference-service";

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
    /// <param name="configuration">All settings, the environment among them; gets the exporters' settings.</param>
    public static void AddTelemetry(this IServiceCollection services, TelemetryOptions options, IConfigurationManager configuration)
    {
        Configure(options, configuration);
        services.AddSingleton<ServiceMetrics>().AddSingleton<CollectorWatch>();
        var telemetry = services.AddOpenTelemetry().ConfigureResource(Describe).WithMetrics(metrics =>
            metrics.SetMaxMetricStreams(MaxStreams).AddMeter(Meters).AddPrometheusExporter(page =>
            {
                page.ScopeInfoEnabled = false;
                page.ScrapeResponseCacheDurationMilliseconds = 0;
                page.ScrapeResponseTimeoutMilliseconds = LimitMilliseconds;
            }));

        // Meter names are global to the process. In tests, other services in the same process use the same names.
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            var own = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => instrument.Meter.Scope is { } scope && !ReferenceEquals(scope, own) ? MetricStreamConfiguration.Drop : null);
        });
        if (string.IsNullOrEmpty(configuration[EndpointVariable]))
        {
            return;
        }

        telemetry.WithMetrics(metrics => metrics.AddOtlpExporter())
            .WithTracing(traces => traces.AddAspNetCoreInstrumentation(ServiceTracing.Configure).AddOtlpExporter());
        services.AddOptions<OtlpExporterOptions>().Configure<CollectorWatch>((exporter, watch) => exporter.HttpClientFactory = () =>
            new HttpClient(watch.Around(new SocketsHttpHandler())) { Timeout = TimeSpan.FromMilliseconds(exporter.TimeoutMilliseconds) });
    }

    // OpenTelemetry reads its variables from the configuration, where the last source wins: the environment overrides the defaults below,
    // and Service:Telemetry overrides the environment.
    private static void Configure(TelemetryOptions options, IConfigurationManager configuration)
    {
        string limit = LimitMilliseconds.ToString(CultureInfo.InvariantCulture);
        configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["OTEL_EXPORTER_OTLP_TIMEOUT"] = limit,
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "15000",
                ["OTEL_METRIC_EXPORT_TIMEOUT"] = limit,
                ["OTEL_BSP_EXPORT_TIMEOUT"] = limit,
            },
        });
        var set = new Dictionary<string, string?>();
        if (options.OtlpEndpoint.Length > 0)
        {
            set[EndpointVariable] = options.OtlpEndpoint;
        }

        if (options.OtlpProtocol is { } protocol)
        {
            set["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol == OtlpExportProtocol.Grpc ? "grpc" : "http/protobuf";
        }

        if (options.ExportSeconds is { } seconds)
        {
            set["OTEL_METRIC_EXPORT_INTERVAL"] = $"{seconds * 1000}";
            set["OTEL_BSP_SCHEDULE_DELAY"] = $"{Math.Min(seconds, LongestTraceDelaySeconds) * 1000}";
        }

        if (options.TracePercent is { } percent)
        {
            set["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio";
            set["OTEL_TRACES_SAMPLER_ARG"] = (percent / 100.0).ToString(CultureInfo.InvariantCulture);
        }

        configuration.AddInMemoryCollection(set);
    }

    // Later entries win: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override the service's own description.
    private static void Describe(ResourceBuilder resource) => resource
        .AddService(ServiceName, serviceVersion: typeof(TelemetrySetup).Assembly.GetName().Version?.ToString(3))
        .AddEnvironmentVariableDetector();
}
