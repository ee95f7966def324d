using System.Text.Json.Nodes;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>How completions are drawn. Every field is sent, so that defaults of an engine never apply.</summary>
/// <param name="Samples">Completions of each prompt. Range 1 to <see cref="MaxSamples"/>.</param>
/// <param name="MaxNewTokens">Tokens after the prompt at most. Default 48, range 1 to 4096.</param>
/// <param name="Seed">Seed of the run; each prompt gets its own from it and the prompt's id. Default 0.</param>
/// <param name="Temperature">Divides the logits; 0 is greedy. Default 1, range 0 to 100.</param>
/// <param name="TopK">Keeps the k most probable tokens; 0 keeps all. Default 0.</param>
/// <param name="TopP">Keeps the smallest set of tokens whose probability reaches it. Default 1, range (0, 1].</param>
/// <param name="MinP">Keeps tokens of at least this share of the largest probability. Default 0, range [0, 1).</param>
internal sealed record SamplingPlan(
    int Samples,
    int MaxNewTokens = 48,
    ulong Seed = 0,
    float Temperature = 1,
    int TopK = 0,
    float TopP = 1,
    float MinP = 0)
{
    /// <summary>Completions of one prompt that the service draws at most: the default of its <c>Service:MaxSamples</c>.</summary>
    public const int MaxSamples = 64;

    /// <summary>This value, or an error that names the setting out of range.</summary>
    public SamplingPlan Validated()
    {
        BadInputException.Unless(
            Samples is >= 1 and <= MaxSamples,
            $"samples is {Samples}; it must lie between 1 and {MaxSamples}, the service's limit (Service:MaxSamples).");
        BadInputException.Unless(MaxNewTokens is >= 1 and <= 4096, $"max_new_tokens is {MaxNewTokens}; it must lie between 1 and 4096.");
        BadInputException.Unless(Temperature is >= 0 and <= 100, $"temperature is {Temperature}; it must lie between 0 and 100.");
        BadInputException.Unless(TopK >= 0, $"top_k is {TopK}; it must be 0 (keep all) or more.");
        BadInputException.Unless(TopP is > 0 and <= 1, $"top_p is {TopP}; it must lie in (0, 1].");
        BadInputException.Unless(MinP is >= 0 and < 1, $"min_p is {MinP}; it must lie in [0, 1).");
        return this;
    }

    /// <summary>The sampler's part of a request, with every field set.</summary>
    public SamplerSettings ToProto(ulong seed) =>
        new()
        {
            Temperature = Temperature,
            TopK = TopK,
            TopP = TopP,
            MinP = MinP,
            MaxNewTokens = MaxNewTokens,
            Seed = seed,
        };

    /// <summary>A request for a batch of prompts, each with its own seed.</summary>
    public SampleRequest Request(string model, IEnumerable<CutPrompt> prompts)
    {
        SampleRequest request = new()
        {
            Model = model,
            N = Samples,
            Settings = ToProto(Seed),
        };
        request.Prompts.Add(
            prompts.Select(prompt => new Prompt
            {
                Ids = new TokenIds { Ids = { prompt.Ids } },
                Seed = StableHash.Seed(Seed, prompt.Id),
            }));
        return request;
    }

    /// <summary>As it is written into settings files.</summary>
    public JsonObject ToJson() =>
        new()
        {
            ["samples"] = Samples,
            ["max_new_tokens"] = MaxNewTokens,
            ["seed"] = Seed,
            ["temperature"] = Temperature,
            ["top_k"] = TopK,
            ["top_p"] = TopP,
            ["min_p"] = MinP,
        };
}
