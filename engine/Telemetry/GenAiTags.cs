namespace Rudder.Engine.Telemetry;

/// <summary>Names and values of OpenTelemetry's semantic conventions for generative AI, as far as the engine's instruments use them.</summary>
internal static class GenAiTags
{
    /// <summary>Attribute: what a call does.</summary>
    public const string OperationName = "gen_ai.operation.name";

    /// <summary>Attribute: who serves.</summary>
    public const string ProviderName = "gen_ai.provider.name";

    /// <summary>Attribute: the loaded model's name; never one that a request made up.</summary>
    public const string RequestModel = "gen_ai.request.model";

    /// <summary>Attribute: <see cref="Input"/> or <see cref="Output"/>.</summary>
    public const string TokenType = "gen_ai.token.type";

    /// <summary>Value of <see cref="OperationName"/>: completions are drawn.</summary>
    public const string TextCompletion = "text_completion";

    /// <summary>Value of <see cref="ProviderName"/>.</summary>
    public const string Provider = "rudder";

    /// <summary>Value of <see cref="TokenType"/>: a prompt's tokens.</summary>
    public const string Input = "input";

    /// <summary>Value of <see cref="TokenType"/>: drawn tokens.</summary>
    public const string Output = "output";

    /// <summary>Buckets of the time to the first token, seconds.</summary>
    public static readonly double[] FirstTokenSeconds =
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    /// <summary>Buckets of the time of one further token, seconds.</summary>
    public static readonly double[] NextTokenSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
}
