using System.CommandLine;
using System.CommandLine.Parsing;
using Rudder.Client.Bench;
using Rudder.Client.Pairs;
using Rudder.Datasets;

namespace Rudder.Client.Commands;

/// <summary>The options of <c>client bench</c> that say what is sent, and how long.</summary>
internal sealed class BenchOptions
{
    private const int DefaultInFlight = 8;
    private const int DefaultCount = 100;
    private static readonly LengthRange DefaultPrompt = new(32, 32);

    private readonly Option<int[]> _inFlight = OptionOf.Parsed<int[]>(
        "--in-flight", [], "N,...", $"Closed loop: requests at once; a list measures each. Default {DefaultInFlight}", IsCounts,
        "1 to 4096, or a list such as 1,4,16");
    private readonly Option<double[]> _rate = OptionOf.Parsed<double[]>(
        "--rate", [], "R,...", "Open loop: mean requests per second of Poisson arrivals; a list measures each", IsRates,
        "0.001 to 100000 requests per second, or a list such as 1,2,4,8");
    private readonly Option<string?> _prompts = OptionOf.Optional(
        "--prompts", "FILE", "Prompts in order: {\"id\",\"text\"} lines or plain text, one per line. Without it, random token ids");
    private readonly Option<LengthRange?> _promptTokens = OptionOf.Parsed<LengthRange?>(
        "--prompt-tokens", null, "A-B", $"Length of random prompts, fixed or uniform. Default {DefaultPrompt.Max}", IsLength,
        "1 to 1048576 tokens, or a range such as 16-128");
    private readonly Option<int?> _vocabulary = OptionOf.Parsed<int?>(
        "--vocabulary", null, "N", "Random ids lie below N. Default: all ids with grpc, 256 with openai", IsVocabulary,
        "1 to 2147483647 token ids");
    private readonly Option<LengthRange?> _maxNewTokens = OptionOf.Parsed<LengthRange?>(
        "--max-new-tokens", new LengthRange(64, 64), "A-B", "Limit of a completion's length, fixed or uniform over the requests", IsLength,
        "1 to 1048576 tokens, or a range such as 16-128");
    private readonly Option<int> _samples = OptionOf.Parsed(
        "--samples", 1, "N", "Completions of each prompt", OptionOf.Between(1, SamplingPlan.MaxSamples), $"1 to {SamplingPlan.MaxSamples}");
    private readonly Option<int> _warmUp = OptionOf.Parsed(
        "--warm-up", 8, "N", "Requests before each load that are not measured", OptionOf.Between(0, 1_000_000), "0 to 1000000 requests");
    private readonly Option<int?> _count = OptionOf.Parsed<int?>(
        "--count", null, "N", $"Measured requests of each load. Default {DefaultCount}", IsCount, "1 to 100000000 requests");
    private readonly Option<double?> _duration = OptionOf.Parsed<double?>(
        "--duration", null, "SECONDS", "Time in which the requests of each load start, instead of --count", IsSeconds,
        "0.001 to 86400 seconds");
    private readonly Option<double?> _sloTtft = OptionOf.Parsed<double?>(
        "--slo-ttft", null, "MS", "Goodput: largest time to first token", IsMilliseconds, "a positive number of milliseconds, e.g. 200");
    private readonly Option<double?> _sloTpot = OptionOf.Parsed<double?>(
        "--slo-tpot", null, "MS", "Goodput: largest time per output token", IsMilliseconds, "a positive number of milliseconds, e.g. 50");
    private readonly Option<int> _seed = OptionOf.Parsed(
        "--seed", 0, "N", "Seed of prompts, lengths, arrivals and completions", OptionOf.Between(0, int.MaxValue), "0 to 2147483647");

    public BenchOptions() => _rate.Aliases.Add("--rates");

    /// <summary>The options.</summary>
    public IEnumerable<Option> All =>
    [
        _inFlight, _rate, _count, _duration, _warmUp, _prompts, _promptTokens, _vocabulary, _maxNewTokens, _samples, _sloTtft, _sloTpot,
        _seed,
    ];

    /// <summary>Refuses options that exclude each other.</summary>
    public void Check(CommandResult result)
    {
        bool Given(Option option) => result.GetResult(option) is { Implicit: false };
        (Option One, Option Other)[] exclusive =
            [(_inFlight, _rate), (_count, _duration), (_prompts, _promptTokens), (_prompts, _vocabulary)];
        foreach ((Option one, Option other) in exclusive.Where(pair => Given(pair.One) && Given(pair.Other)))
        {
            result.AddError($"{one.Name} and {other.Name} exclude each other; give one of them.");
        }
    }

    /// <summary>What the command line asks for.</summary>
    /// <exception cref="BadInputException">The file has no prompts.</exception>
    /// <exception cref="DatasetException">The file cannot be read.</exception>
    public BenchPlan Read(ParseResult parsed)
    {
        string? file = parsed.GetValue(_prompts);
        string[]? prompts = file is null ? null : [.. Prompts.Read(file).Select(prompt => prompt.Text)];
        BadInputException.Unless(prompts is not { Length: 0 }, $"{file} has no prompts.");
        double? duration = parsed.GetValue(_duration);
        return new BenchPlan(
            Loads(parsed), prompts, file, file is null ? parsed.GetValue(_promptTokens) ?? DefaultPrompt : null,
            parsed.GetValue(_vocabulary), parsed.GetValue(_maxNewTokens)!.Value, parsed.GetValue(_samples), parsed.GetValue(_warmUp),
            duration is null ? parsed.GetValue(_count) ?? DefaultCount : null, duration, parsed.GetValue(_sloTtft),
            parsed.GetValue(_sloTpot), parsed.GetValue(_seed));
    }

    private Load[] Loads(ParseResult parsed)
    {
        double[] rates = parsed.GetRequiredValue(_rate);
        int[] inFlight = parsed.GetRequiredValue(_inFlight);
        return rates.Length > 0
            ? [.. rates.Select(rate => new Load(null, rate))]
            : [.. inFlight.DefaultIfEmpty(DefaultInFlight).Select(requests => new Load(requests, null))];
    }

    private static bool IsCounts(string text, out int[] values) => IsList(text, OptionOf.Between(1, 4096), out values);

    private static bool IsRates(string text, out double[] values) => IsList(text, OptionOf.Between(0.001, 100_000.0), out values);

    private static bool IsLength(string text, out LengthRange? value)
    {
        bool good = LengthRange.TryParse(text, out LengthRange range);
        value = range;
        return good;
    }

    private static bool IsVocabulary(string text, out int? value) => IsGiven(text, OptionOf.Between(1, int.MaxValue), out value);

    private static bool IsCount(string text, out int? value) => IsGiven(text, OptionOf.Between(1, 100_000_000), out value);

    private static bool IsSeconds(string text, out double? value) => IsGiven(text, OptionOf.Between(0.001, 86_400.0), out value);

    private static bool IsMilliseconds(string text, out double? value) =>
        IsGiven(text, OptionOf.Between(double.Epsilon, double.MaxValue), out value);

    private static bool IsGiven<T>(string text, TextParser<T> parse, out T? value)
        where T : struct
    {
        bool good = parse(text, out T read);
        value = read;
        return good;
    }

    private static bool IsList<T>(string text, TextParser<T> parse, out T[] values)
    {
        List<T> read = [];
        bool good = true;
        foreach (string part in text.Split(','))
        {
            good &= parse(part, out T value);
            read.Add(value);
        }

        values = [.. read];
        return good;
    }
}
