namespace Rudder.Engine.Telemetry;

/// <summary>Names and values from OpenTelemetry's semantic conventions for generative AI that the instruments use.</summary>
public static class GenAiTags
{
    /// <summary>Attribute: the operation of a call.</summary>
    public const string OperationName = "gen_ai.operation.name";

    /// <summary>Attribute: the provider.</summary>
    public const string ProviderName = "gen_ai.provider.name";

    /// <summary>Attribute: the name of the loaded model; never an unchecked name from a request.</summary>
    public const string RequestModel = "gen_ai.request.model";

    /// <summary>Attribute: <see cref="Input"/> or <see cref="Output"/>.</summary>
    public const string TokenType = "gen_ai.token.type";

    /// <summary>Value of <see cref="OperationName"/>: generation of completions.</summary>
    public const string TextCompletion = "text_completion";

    /// <summary>Value of <see cref="OperationName"/>: replies in conversations.</summary>
    public const string Chat = "chat";

    /// <summary>Value of <see cref="ProviderName"/>.</summary>
    public const string Provider = "rudder";

    /// <summary>Value of <see cref="TokenType"/>: prompt tokens.</summary>
    public const string Input = "input";

    /// <summary>Value of <see cref="TokenType"/>: completion tokens.</summary>
    public const string Output = "output";

    /// <summary>Buckets of the time to first token, seconds.</summary>
    internal static readonly double[] FirstTokenSeconds =
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    /// <summary>Buckets of the time per further token, seconds.</summary>
    internal static readonly double[] NextTokenSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
}
