namespace Rudder.InferenceService.Telemetry;

/// <summary>OpenTelemetry's names in Prometheus' letters: <c>rudder.queue.duration</c> in s is <c>rudder_queue_duration_seconds</c>.</summary>
internal static class PrometheusNames
{
    /// <summary>Whether a value goes down although its instrument says it is a counter: the runtime's own numbers of queued work items and of pool threads do.</summary>
    /// <param name="name">The instrument's name.</param>
    public static bool CanFall(string name) => name is "dotnet.thread_pool.queue.length" or "dotnet.thread_pool.thread.count";

    /// <summary>A metric's name, with its unit, and <c>_total</c> behind a counter's.</summary>
    /// <param name="name">OpenTelemetry's name.</param>
    /// <param name="unit">Its unit, UCUM; what stands in braces is a remark and no unit.</param>
    /// <param name="counter">Whether it only rises.</param>
    /// <param name="gauge">Whether it is a gauge: those without a unit are ratios.</param>
    public static string Metric(string name, string? unit, bool counter, bool gauge)
    {
        string mapped = Label(name);
        string suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            "1" when gauge => "_ratio",
            _ => "",
        };
        if (!mapped.EndsWith(suffix, StringComparison.Ordinal))
        {
            mapped += suffix;
        }

        return counter && !mapped.EndsWith("_total", StringComparison.Ordinal) ? mapped + "_total" : mapped;
    }

    /// <summary>A label's name: letters, digits and underscores, no digit first.</summary>
    public static string Label(string key)
    {
        string mapped = string.Concat(key.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_'));
        return mapped.Length == 0 || char.IsAsciiDigit(mapped[0]) ? "_" + mapped : mapped;
    }
}
