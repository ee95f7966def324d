using Rudder.Engine.Sampling;

namespace Rudder.Engine.Registry;

/// <summary>Checks a request against a model and the options, and converts it to the engine's types.</summary>
internal static class GenerationPlanner
{
    private const int DefaultMaxNewTokens = 48;

    /// <summary>Checks everything that can be checked before the engine runs.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The generator.</param>
    /// <param name="listener">Receives tokens and completions on the engine's thread; may be null. Must return at once, not throw.</param>
    /// <param name="least">Tokens for which each prompt must leave room: 1, or 0 if the prompts are only scored.</param>
    /// <param name="scoresPrompts">Whether the most probable tokens are kept for the prompts' positions too.</param>
    /// <exception cref="RequestFault">A value is wrong or over a limit.</exception>
    public static GenerationPlan Plan(GenerationRequest request, LoadedModel model, Action<GenerationStep>? listener = null, int least = 1, bool scoresPrompts = false)
    {
        var generator = model.RequireGenerator("model");
        var info = generator.Info;
        var options = model.Options;
        RequestLimits.Count("prompts", request.Prompts.Count, options.MaxPrompts);
        CheckSamples(request, options);
        RequestLimits.TopLogProbs("top_logprobs", request.TopLogProbs);
        var stop = Stop(request, model);
        var prompts = new List<PromptRequest>(request.Prompts.Count);
        for (int i = 0; i < request.Prompts.Count; i++)
        {
            int index = i;
            string field = $"prompts[{i}]";
            var prompt = request.Prompts[i];
            int[] ids = Ids(field, prompt, model);
            RequestLimits.Prompt(field, ids, info, least);
            int newTokens = request.MaxNewTokens ?? Math.Min(DefaultMaxNewTokens, info.Context - ids.Length);
            RequestLimits.NewTokens(newTokens, ids.Length, info, least);
            prompts.Add(new PromptRequest
            {
                PromptIds = ids,
                Samples = request.Samples,
                Parameters = request.Parameters,
                Seed = prompt.Seed ?? CounterRandom.Derive(request.Seed, (uint)i),
                HasOwnSeed = prompt.Seed is not null,
                MaxNewTokens = newTokens,
                Stop = stop,
                TopLogProbs = request.TopLogProbs,
                OnToken = listener is null ? null : token => listener(new GenerationStep(index, token, null)),
                OnFinished = listener is null ? null : sequence => listener(new GenerationStep(index, null, sequence)),
            });
        }

        long tokens = prompts.Sum(prompt => ((long)prompt.Samples * prompt.MaxNewTokens) + (scoresPrompts ? prompt.PromptIds.Length : 0));
        RequestLimits.Ranked("top_logprobs", $"is {request.TopLogProbs} at up to {tokens} tokens", tokens * request.TopLogProbs, options);
        return new GenerationPlan(generator, new GenerationBatch(prompts, request.Seed, request.Client), stop, model.Decode);
    }

    private static void CheckSamples(GenerationRequest request, EngineOptions options)
    {
        RequestLimits.InRange("n", request.Samples, 1, options.MaxSamples, "Send several calls with seeds of their own.");
        long sequences = (long)request.Samples * request.Prompts.Count;
        int limit = Math.Min(options.MaxSequences, options.MaxQueue);
        if (sequences > limit)
        {
            throw new RequestFault(
                "prompts",
                $"x n is {request.Prompts.Count} x {request.Samples} = {sequences} completions",
                $"the limit of one call is {limit}",
                "Send fewer prompts a call.");
        }
    }

    private static StopRule Stop(GenerationRequest request, LoadedModel model)
    {
        var options = model.Options;
        RequestLimits.Length("settings.stop_strings", request.StopStrings.Count, 0, options.MaxStops, "entries", "Use fewer.");
        RequestLimits.Length("settings.stop_ids", request.StopIds.Count, 0, options.MaxStops, "entries", "Use fewer.");
        for (int i = 0; i < request.StopStrings.Count; i++)
        {
            RequestLimits.Length(
                $"settings.stop_strings[{i}]", request.StopStrings[i].Length, 1, options.MaxStopLength, "characters", "Shorten it, or leave it out.");
        }

        int[] ids = [.. request.StopIds];
        RequestLimits.Ids("settings.stop_ids", ids, model.Description.Vocabulary);
        IEnumerable<int> all = model.Description.EosId is { } eos ? [.. ids, eos, .. model.Description.OtherEosIds] : ids;
        return new StopRule(all, request.StopStrings, model.Tokenizer is null ? null : model.Decode);
    }

    private static int[] Ids(string field, PromptContent prompt, LoadedModel model) => prompt switch
    {
        { Ids: { } ids, Text: null } => [.. ids],
        { Text: { } text, Ids: null } => model.EncodePrompt($"{field}.text", text),
        _ => throw new RequestFault(field, "holds neither text nor ids", "", "Set one of them."),
    };
}
