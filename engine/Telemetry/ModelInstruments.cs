using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>Instruments of one model's engine, on their own meter; docs/telemetry.md lists them.</summary>
internal sealed class ModelInstruments
{
    private static readonly double[] StepSeconds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

    private static readonly double[] Shares = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75];
    private static readonly long[] Widths = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    /// <summary>Creates the instruments.</summary>
    /// <param name="meter">The meter.</param>
    public ModelInstruments(Meter meter)
    {
        FirstToken = Seconds(
            meter, "gen_ai.server.time_to_first_token", "From a request's arrival in the queue to a sequence's first token.", GenAiTags.FirstTokenSeconds);
        NextToken = Seconds(meter, "gen_ai.server.time_per_output_token", "From one decoding step's tokens to the next's.", GenAiTags.NextTokenSeconds);
        Queued = Seconds(meter, "rudder.queue.duration", "Time a sequence waited for a slot.", GenAiTags.FirstTokenSeconds);
        Prefill = Seconds(meter, "rudder.prefill.duration", "Time of one prefill.", StepSeconds);
        Decode = Seconds(meter, "rudder.decode.duration", "Time of one decoding step in the graph.", StepSeconds);
        Sampling = Seconds(meter, "rudder.sampling.duration", "Time of one decoding step in the sampler.", StepSeconds);
        SamplerShare = meter.CreateHistogram(
            "rudder.sampler.share",
            "1",
            "The sampler's share of a decoding step's time.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Shares });
        Width = meter.CreateHistogram(
            "rudder.batch.width",
            "{sequence}",
            "Rows of one decoding step.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = Widths });
        PrefillTokens = meter.CreateCounter<long>("rudder.prefill.tokens", "{token}", "Prompt tokens computed, padding included.");
        PrefillPrompts = meter.CreateCounter<long>("rudder.prefill.prompts", "{prompt}", "Prompts computed.");
        Tokens = meter.CreateCounter<long>("rudder.tokens", "{token}", "Tokens of sequences: prompts as they get a slot, drawn ones as they end.");
        Sequences = meter.CreateCounter<long>("rudder.sequences", "{sequence}", "Sequences ended, by reason.");
        Rejections = meter.CreateCounter<long>("rudder.rejections", "{request}", "Calls refused for want of room, or given up, by reason.");
    }

    /// <summary>Time to first token, s.</summary>
    public Histogram<double> FirstToken { get; }

    /// <summary>Inter-token time, s.</summary>
    public Histogram<double> NextToken { get; }

    /// <summary>Time in the queue, s.</summary>
    public Histogram<double> Queued { get; }

    /// <summary>Time of a prefill, s.</summary>
    public Histogram<double> Prefill { get; }

    /// <summary>Graph time of a step, s.</summary>
    public Histogram<double> Decode { get; }

    /// <summary>Sampler time of a step, s.</summary>
    public Histogram<double> Sampling { get; }

    /// <summary>Sampler time as a fraction of the whole step.</summary>
    public Histogram<double> SamplerShare { get; }

    /// <summary>Rows per step.</summary>
    public Histogram<long> Width { get; }

    /// <summary>Prompt tokens computed, padding included.</summary>
    public Counter<long> PrefillTokens { get; }

    /// <summary>Prompts computed.</summary>
    public Counter<long> PrefillPrompts { get; }

    /// <summary>Input and output tokens.</summary>
    public Counter<long> Tokens { get; }

    /// <summary>Sequences ended.</summary>
    public Counter<long> Sequences { get; }

    /// <summary>Requests refused.</summary>
    public Counter<long> Rejections { get; }

    private static Histogram<double> Seconds(Meter meter, string name, string description, double[] boundaries) =>
        meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });
}
