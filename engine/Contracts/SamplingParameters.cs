using System.Globalization;

namespace Rudder.Engine;

/// <summary>How to draw the next token of a sequence. The defaults sample from the model's own distribution.</summary>
/// <remarks>Filters apply in this order: temperature, top-k, top-p over the rest, min-p. Every setter validates its value.</remarks>
/// <param name="Temperature">Divides the logits; 0 is greedy. Default 1, range 0 to 100.</param>
/// <param name="TopK">Keeps the k most probable tokens; ties go to the lower id; 0 keeps all. Default 0.</param>
/// <param name="TopP">Keeps the smallest set of most probable tokens whose probability reaches this. Default 1 (all), range (0, 1].</param>
/// <param name="MinP">Keeps tokens with at least this fraction of the largest probability. Default 0 (all), range [0, 1).</param>
public sealed record SamplingParameters(float Temperature = 1, int TopK = 0, float TopP = 1, float MinP = 0)
{
    /// <summary>Maximum temperature.</summary>
    public const float MaxTemperature = 100;

    /// <summary>Temperature 1, no truncation: the only setting for which a KL estimate over the samples is unbiased.</summary>
    public static SamplingParameters Plain { get; } = new();

    /// <summary>Always takes the most probable token; ties go to the lowest id.</summary>
    public static SamplingParameters Greedy { get; } = new(Temperature: 0);

    /// <summary>Divides the logits; 0 is greedy. Default 1, range 0 to 100.</summary>
    public float Temperature { get; init => field = CheckTemperature(value); } = CheckTemperature(Temperature);

    /// <summary>Keeps the k most probable tokens; ties go to the lower id; 0 keeps all. Default 0.</summary>
    public int TopK { get; init => field = CheckTopK(value); } = CheckTopK(TopK);

    /// <summary>Keeps the smallest set of most probable tokens whose probability reaches this. Default 1 (all), range (0, 1].</summary>
    public float TopP { get; init => field = CheckTopP(value); } = CheckTopP(TopP);

    /// <summary>Keeps tokens with at least this fraction of the largest probability. Default 0 (all), range [0, 1).</summary>
    public float MinP { get; init => field = CheckMinP(value); } = CheckMinP(MinP);

    /// <summary>Whether the sampler takes the most probable token without a random draw.</summary>
    public bool IsGreedy => Temperature == 0;

    /// <summary>Whether top-k, top-p or min-p can remove tokens.</summary>
    public bool IsTruncated => TopK > 0 || TopP < 1 || MinP > 0;

    // These comparisons reject NaN.
    private static float CheckTemperature(float value) => value is >= 0 and <= MaxTemperature
        ? value
        : throw OutOfRange("temperature", value, $"it takes 0 (greedy) to {MaxTemperature}; 1 is the model's own distribution");

    private static int CheckTopK(int value) => value >= 0
        ? value
        : throw OutOfRange("top_k", value, "it takes 0 (keep all) or a number of tokens to keep");

    private static float CheckTopP(float value) => value is > 0 and <= 1
        ? value
        : throw OutOfRange("top_p", value, "it takes more than 0 and at most 1; 1 keeps all tokens");

    private static float CheckMinP(float value) => value is >= 0 and < 1
        ? value
        : throw OutOfRange("min_p", value, "it takes at least 0 and less than 1; 0 keeps all tokens");

    private static RequestFault OutOfRange(string name, IFormattable value, string rule) =>
        new($"settings.{name}", $"is {value.ToString(null, CultureInfo.InvariantCulture)}", rule, "");
}
