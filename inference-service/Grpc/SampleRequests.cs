using Rudder.Engine;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Grpc;

/// <summary>Converts a Sample request to an engine request. The engine checks it.</summary>
internal static class SampleRequests
{
    /// <summary>Converts a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="client">Name of the client; selects its queue.</param>
    /// <exception cref="RequestFault">A sampling parameter is out of range.</exception>
    public static GenerationRequest ToGeneration(SampleRequest request, string client)
    {
        var settings = request.Settings ?? new SamplerSettings();
        return new GenerationRequest
        {
            Prompts = [.. request.Prompts.Select(Content)],
            Samples = request.HasN ? request.N : 1,
            Parameters = new SamplingParameters(
                settings.HasTemperature ? settings.Temperature : 1,
                settings.HasTopK ? settings.TopK : 0,
                settings.HasTopP ? settings.TopP : 1,
                settings.HasMinP ? settings.MinP : 0),
            MaxNewTokens = settings.HasMaxNewTokens ? settings.MaxNewTokens : null,
            StopStrings = settings.StopStrings,
            StopIds = settings.StopIds,
            Seed = settings.Seed,
            TopLogProbs = request.TopLogprobs,
            Client = client,
        };
    }

    private static PromptContent Content(Prompt prompt) => new()
    {
        Text = prompt.ContentCase == Prompt.ContentOneofCase.Text ? prompt.Text : null,
        Ids = prompt.ContentCase == Prompt.ContentOneofCase.Ids ? prompt.Ids.Ids : null,
        Seed = prompt.HasSeed ? prompt.Seed : null,
    };
}
