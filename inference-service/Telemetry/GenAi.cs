namespace Rudder.InferenceService.Telemetry;

/// <summary>Names and values from OpenTelemetry's semantic conventions for generative AI that this service uses.</summary>
internal static class GenAi
{
    /// <summary>Attribute: the operation of a call.</summary>
    public const string OperationName = "gen_ai.operation.name";

    /// <summary>Attribute: the provider.</summary>
    public const string ProviderName = "gen_ai.provider.name";

    /// <summary>Attribute: the loaded model's name, never a name that a caller made up.</summary>
    public const string RequestModel = "gen_ai.request.model";

    /// <summary>Attribute: <see cref="Input"/> or <see cref="Output"/>.</summary>
    public const string TokenType = "gen_ai.token.type";

    /// <summary>Attribute: the status of a failed call; absent on success.</summary>
    public const string ErrorType = "error.type";

    /// <summary>Value of <see cref="OperationName"/>: text completion.</summary>
    public const string TextCompletion = "text_completion";

    /// <summary>Value of <see cref="ProviderName"/>.</summary>
    public const string Provider = "rudder";

    /// <summary>Value of <see cref="TokenType"/>: a prompt's tokens.</summary>
    public const string Input = "input";

    /// <summary>Value of <see cref="TokenType"/>: drawn tokens.</summary>
    public const string Output = "output";

    /// <summary>Buckets of a request's duration, seconds.</summary>
    public static readonly double[] RequestSeconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

    /// <summary>Buckets of tokens a call uses.</summary>
    public static readonly long[] UsageTokens =
        [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    /// <summary>The operation of a gRPC method or an HTTP route, or null if the conventions define none.</summary>
    /// <param name="method">The gRPC method, <c>/package.Service/Method</c>, or the route.</param>
    public static string? OperationOf(string method) => method switch
    {
        "/inference.v1.Sampling/Sample" or "/inference.v1.Sampling/SampleStream" or "/v1/completions" => TextCompletion,
        _ => null,
    };
}
