using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class TelemetrySetupTests
{
    private static readonly Dictionary<string, string?> Environment = new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://of-the-environment:4317",
        ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1234",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "2500",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "750",
    };

    [Fact]
    public void AddTelemetry_VariablesOfTheEnvironment_ReplaceTheDefaults()
    {
        using var services = Services(new TelemetryOptions(), Environment);

        Assert.Equal((new Uri("http://of-the-environment:4317"), 1234), (Of<OtlpExporterOptions>(services).Endpoint, Of<OtlpExporterOptions>(services).TimeoutMilliseconds));
        Assert.Equal(2500, Of<MetricReaderOptions>(services).PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds);
        Assert.Equal(750, Of<BatchExportActivityProcessorOptions>(services).ScheduledDelayMilliseconds);
    }

    [Fact]
    public void AddTelemetry_Settings_ReplaceTheVariables()
    {
        var settings = new TelemetryOptions { OtlpEndpoint = "http://of-the-settings:4318", OtlpProtocol = OtlpExportProtocol.HttpProtobuf, ExportSeconds = 2 };
        using var services = Services(settings, Environment);

        var exporter = Of<OtlpExporterOptions>(services);
        Assert.Equal((OtlpExportProtocol.HttpProtobuf, "of-the-settings"), (exporter.Protocol, exporter.Endpoint.Host));
        Assert.Equal(2000, Of<MetricReaderOptions>(services).PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds);
        Assert.Equal(2000, Of<BatchExportActivityProcessorOptions>(services).ScheduledDelayMilliseconds);
    }

    [Fact]
    public void AddTelemetry_NothingElseSet_TakesTheDocumentedDefaults()
    {
        using var services = Services(new TelemetryOptions { OtlpEndpoint = "http://collector:4317" }, []);

        Assert.Equal((OtlpExportProtocol.Grpc, 5000), (Of<OtlpExporterOptions>(services).Protocol, Of<OtlpExporterOptions>(services).TimeoutMilliseconds));
        Assert.Equal(15_000, Of<MetricReaderOptions>(services).PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds);
    }

    private static ServiceProvider Services(TelemetryOptions settings, Dictionary<string, string?> environment)
    {
        var configuration = new ConfigurationManager();
        configuration.AddInMemoryCollection(environment);
        var services = new ServiceCollection().AddLogging().AddMetrics().AddSingleton(TimeProvider.System).AddSingleton<IConfiguration>(configuration);
        services.AddTelemetry(settings, configuration);
        return services.BuildServiceProvider();
    }

    private static T Of<T>(ServiceProvider services) => services.GetRequiredService<IOptionsMonitor<T>>().CurrentValue;
}
