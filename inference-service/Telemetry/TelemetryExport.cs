using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Rudder.Engine.Telemetry;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Telemetry;

/// <summary>
/// Builds OpenTelemetry's providers at start, and empties and ends them at the stop: figures for <c>/metrics</c> always,
/// OTLP where the settings name a collector.
/// </summary>
internal sealed class TelemetryExport : IHostedService, IDisposable
{
    /// <summary>Name of the service in the resource.</summary>
    public const string ServiceName = "rudder-inference-service";

    // One export, and the last one at the stop: a collector that hangs costs no more.
    private const int LimitMilliseconds = 5_000;

    private const int LongestTraceDelaySeconds = 5;

    private static readonly string[] Meters =
    [
        ServiceMetrics.MeterName, EngineMetrics.MeterName, "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Hosting",
    ];

    private readonly TelemetryOptions _options;
    private readonly PrometheusExporter _page;
    private readonly IMeterFactory _factory;
    private readonly CollectorWatch _collector;
    private readonly string _instance = Guid.NewGuid().ToString();
    private MeterProvider? _meters;
    private TracerProvider? _traces;

    /// <summary>Prepares the export.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="page">What <c>/metrics</c> reads from.</param>
    /// <param name="factory">The maker of this service's meters; those of another in the same process are left out.</param>
    /// <param name="collector">Told how the collector answers.</param>
    public TelemetryExport(ServiceOptions options, PrometheusExporter page, IMeterFactory factory, CollectorWatch collector)
    {
        _options = options.Telemetry;
        _page = page;
        _factory = factory;
        _collector = collector;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meters = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .SetExemplarFilter(ExemplarFilterType.AlwaysOff)
            .AddMeter(Meters)
            .AddView(OwnOnly)
            .AddReader(new BaseExportingMetricReader(_page));
        if (_options.OtlpEndpoint.Length > 0)
        {
            meters.AddOtlpExporter((exporter, reader) =>
            {
                Send(exporter, "v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = _options.ExportSeconds * 1000;
                reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = LimitMilliseconds;
            });
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureResource(Describe)
                .AddSource(ServiceTracing.SourceName, "Microsoft.AspNetCore")
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(_options.TracePercent / 100.0)))
                .AddOtlpExporter(exporter =>
                {
                    Send(exporter, "v1/traces");
                    exporter.BatchExportProcessorOptions.ScheduledDelayMilliseconds = Math.Min(_options.ExportSeconds, LongestTraceDelaySeconds) * 1000;
                    exporter.BatchExportProcessorOptions.ExporterTimeoutMilliseconds = LimitMilliseconds;
                })
                .Build();
        }

        _meters = meters.Build();
        return Task.CompletedTask;
    }

    /// <summary>Sends what is left, for as long as the limit at most.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var emptied = Task.WhenAll(
            Task.Run(() => _traces?.Shutdown(LimitMilliseconds), CancellationToken.None),
            Task.Run(() => _meters?.Shutdown(LimitMilliseconds), CancellationToken.None));

        // Beyond the limit, or with a failure, the service stops without its last figures.
        await Task.WhenAny(emptied, Task.Delay(2 * LimitMilliseconds, cancellationToken));
    }

    public void Dispose()
    {
        _traces?.Dispose();
        _meters?.Dispose();
    }

    // Meters are known by name in the whole process; those of another service in it (in tests) are not this one's.
    private MetricStreamConfiguration? OwnOnly(Instrument instrument) =>
        instrument.Meter.Scope is { } scope && !ReferenceEquals(scope, _factory) ? MetricStreamConfiguration.Drop : null;

    private void Describe(ResourceBuilder resource) => resource.AddService(
        ServiceName,
        serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString(3),
        autoGenerateServiceInstanceId: false,
        serviceInstanceId: _instance);

    private void Send(OtlpExporterOptions exporter, string path)
    {
        exporter.Endpoint = new Uri(
            _options.OtlpProtocol == OtlpProtocol.HttpProtobuf ? $"{_options.OtlpEndpoint.TrimEnd('/')}/{path}" : _options.OtlpEndpoint);
        exporter.Protocol = _options.OtlpProtocol == OtlpProtocol.Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        exporter.TimeoutMilliseconds = LimitMilliseconds;
        exporter.HttpClientFactory = () =>
            new HttpClient(_collector.Around(new SocketsHttpHandler())) { Timeout = TimeSpan.FromMilliseconds(LimitMilliseconds) };
    }
}
