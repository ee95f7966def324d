using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Grpc;

/// <summary>Converts a Sample request to an engine request. The engine checks it.</summary>
internal static class SampleRequests
{
    /// <summary>Converts and checks a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The generator it names.</param>
    /// <param name="listener">Gets tokens and completions on the engine's thread; may be null.</param>
    /// <param name="client">Name of the client; selects its queue.</param>
    /// <exception cref="RequestFault">A value is wrong or over a limit.</exception>
    public static GenerationPlan Plan(SampleRequest request, LoadedModel model, Action<GenerationStep>? listener, string client = "")
    {
        var settings = request.Settings ?? new SamplerSettings();
        var generation = new GenerationRequest
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
        return GenerationPlanner.Plan(generation, model, listener);
    }

    private static PromptContent Content(Prompt prompt) => new()
    {
        Text = prompt.ContentCase == Prompt.ContentOneofCase.Text ? prompt.Text : null,
        Ids = prompt.ContentCase == Prompt.ContentOneofCase.Ids ? prompt.Ids.Ids : null,
        Seed = prompt.HasSeed ? prompt.Seed : null,
    };
}
