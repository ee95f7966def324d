using Rudder.Inference.V1;

namespace Rudder.InferenceService.Http;

/// <summary>A read <c>POST /v1/completions</c>: every value is of its kind; whether it fits the model is asked where gRPC asks it.</summary>
internal sealed record CompletionRequest
{
    /// <summary>Name of a loaded generator.</summary>
    public required string Model { get; init; }

    /// <summary>The prompts, as text or as ids.</summary>
    public required IReadOnlyList<Prompt> Prompts { get; init; }

    /// <summary>Whether the prompt stood outside a list; for naming it in messages.</summary>
    public bool HasOnePrompt { get; init; }

    /// <summary>Completions of each prompt. Default 1.</summary>
    public int N { get; init; } = 1;

    /// <summary>Tokens drawn at most; 0 draws none and needs <see cref="Echo"/>. Default 16.</summary>
    public int MaxTokens { get; init; } = 16;

    /// <summary>Divides the logits; 0 is greedy. Default 1.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Keeps the smallest set of tokens whose probability reaches it. Default 1.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Keeps the k most probable tokens; 0 keeps all. Default 0. Not in the original API.</summary>
    public int TopK { get; init; }

    /// <summary>Keeps tokens of at least this share of the largest probability. Default 0. Not in the original API.</summary>
    public float MinP { get; init; }

    /// <summary>Whether each token's log-prob is returned (<c>logprobs</c> is given).</summary>
    public bool LogProbs { get; init; }

    /// <summary>How many of the most probable tokens are returned with each one: the value of <c>logprobs</c>. Default 0, range 0 to 5.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Whether the prompt stands before its completion.</summary>
    public bool Echo { get; init; }

    /// <summary>Strings that end a completion and are cut off.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Same seed, same tokens (fp32). Default 0.</summary>
    public uint Seed { get; init; }

    /// <summary>Whether the reply comes token by token.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether a stream ends with its usage.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>Whether the prompts are only echoed and scored: nothing is drawn.</summary>
    public bool DrawsNothing => MaxTokens == 0 && Echo;

    /// <summary>The same as a gRPC request, whose checks it then goes through. Where nothing is drawn its max_new_tokens is 0, which no gRPC call may ask for.</summary>
    public SampleRequest ToSample()
    {
        var settings = new SamplerSettings
        {
            Temperature = Temperature,
            TopP = TopP,
            TopK = TopK,
            MinP = MinP,
            Seed = Seed,
            MaxNewTokens = MaxTokens,
        };
        settings.StopStrings.AddRange(Stop);
        var sample = new SampleRequest { Model = Model, N = N, Settings = settings, Logprobs = LogProbs, TopLogprobs = TopLogProbs };
        sample.Prompts.AddRange(Prompts);
        return sample;
    }
}
