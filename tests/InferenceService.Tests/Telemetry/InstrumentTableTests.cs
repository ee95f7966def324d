using System.ComponentModel.DataAnnotations;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine.Telemetry;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed partial class InstrumentTableTests
{
    private static readonly string[] Page = File.ReadAllLines(Path.Combine(SharedFolder.Root, "docs", "telemetry.md"));

    [Fact]
    public void Table_InTheDocumentation_NamesEveryInstrumentAndNoOther()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        var made = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    made.Add($"{instrument.Name} {Kind(instrument)} {instrument.Unit}");
                }
            },
        };
        listener.Start();
        new ServiceMetrics(factory).Loaded("m");
        new EngineMetrics(factory).Open("m");

        var documented = Page.Select(line => Row().Match(line)).Where(row => row.Success)
            .Select(row => $"{row.Groups["name"].Value} {row.Groups["kind"].Value} {row.Groups["unit"].Value}");

        Assert.Equal(made.Distinct().Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Table_InTheDocumentation_HoldsEveryOptionWithDefaultAndRange()
    {
        var defaults = new TelemetryOptions();
        foreach (var property in typeof(TelemetryOptions).GetProperties())
        {
            string row = Assert.Single(Page, line => line.StartsWith($"| `Telemetry:{property.Name}` |", StringComparison.Ordinal));
            string[] cells = [.. row.Split('|', StringSplitOptions.TrimEntries)];
            if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            {
                Assert.Equal(property.GetValue(defaults)?.ToString() ?? "none", cells[2]);
                Assert.Equal($"{range.Minimum} to {range.Maximum}", cells[3]);
            }
        }
    }

    // Counter`1, ObservableGauge`1 and so on, as the table calls them.
    private static string Kind(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" => "counter",
        "UpDownCounter" => "up-down counter",
        "Histogram" => "histogram",
        "ObservableGauge" => "gauge",
        var other => other,
    };

    [GeneratedRegex(@"^\| `(?<name>(rudder|gen_ai)\.[a-z_.]+)` \| (?<kind>counter|up-down counter|histogram|gauge) \| (?<unit>[^ |]+) \|")]
    private static partial Regex Row();
}
