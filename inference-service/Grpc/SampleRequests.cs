using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Sampling;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Grpc;

/// <summary>A checked Sample request in the engine's terms.</summary>
/// <param name="Batch">The prompts.</param>
/// <param name="Stop">What ends completions, for cutting their text.</param>
internal sealed record SamplePlan(GenerationBatch Batch, StopRule Stop)
{
    /// <summary>What the caller's budget is charged: for each completion its prompt and max_new_tokens.</summary>
    public long Tokens => Batch.Prompts.Sum(prompt => prompt.Samples * ((long)prompt.PromptIds.Length + prompt.MaxNewTokens));

    /// <summary>The same plan, with somebody told when an engine has taken it in.</summary>
    /// <param name="admitted"><see cref="GenerationBatch.OnAdmitted"/>.</param>
    public SamplePlan WhenAdmitted(Action admitted) => this with { Batch = Batch with { OnAdmitted = admitted } };
}

/// <summary>What an engine tells of one prompt while it runs: a token, or a finished completion.</summary>
/// <param name="Prompt">The prompt's index in the request.</param>
/// <param name="Token">A drawn token.</param>
/// <param name="Finished">A finished completion.</param>
internal readonly record struct SampleProgress(int Prompt, DrawnToken? Token, GeneratedSequence? Finished);

/// <summary>Checks a Sample request and turns it into a plan; unset fields get the defaults that the protocol documents.</summary>
internal sealed class SampleRequests(RequestValidation validation)
{
    private const int DefaultMaxNewTokens = 48;
    private const int MaxTopLogProbs = 20;
    private const int BytesPerRanked = sizeof(int) + sizeof(float);

    /// <summary>Checks everything that can be known before the engine runs.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The generator it names.</param>
    /// <param name="listener">Told of tokens and completions with their prompt's index, on the engine's thread; null where nobody listens.</param>
    /// <param name="client">Whose request it is, for its turn in the queue.</param>
    /// <param name="least">Tokens that each prompt must leave room for: 1, or 0 where the prompts are only scored.</param>
    public SamplePlan Plan(SampleRequest request, LoadedModel model, Action<SampleProgress>? listener, string client = "", int least = 1)
    {
        var settings = request.Settings ?? new SamplerSettings();
        RequestValidation.Count("prompts", request.Prompts.Count, validation.Options.MaxPrompts);
        int samples = Samples(request);
        int top = RequestValidation.InRange("top_logprobs", request.TopLogprobs, 0, MaxTopLogProbs, "Ask for fewer.");
        var parameters = Parameters(settings);
        var stop = Stop(settings, model);
        uint seed = settings.HasSeed ? settings.Seed : 0;
        var prompts = new List<PromptRequest>(request.Prompts.Count);
        for (int i = 0; i < request.Prompts.Count; i++)
        {
            int index = i;
            var prompt = request.Prompts[i];
            int[] ids = PromptIds($"prompts[{i}]", prompt, model, least);
            prompts.Add(new PromptRequest
            {
                PromptIds = ids,
                Samples = samples,
                Parameters = parameters,
                Seed = prompt.HasSeed ? prompt.Seed : CounterRandom.Derive(seed, (uint)i),
                HasOwnSeed = prompt.HasSeed,
                MaxNewTokens = MaxNewTokens($"prompts[{i}]", settings, ids.Length, model, least),
                Stop = stop,
                TopLogProbs = top,
                OnToken = listener is null ? null : token => listener(new SampleProgress(index, token, null)),
                OnFinished = listener is null ? null : sequence => listener(new SampleProgress(index, null, sequence)),
            });
        }

        CheckRanked(top, prompts);
        return new SamplePlan(new GenerationBatch(prompts, seed, client), stop);
    }

    // They are kept until the last completion is finished, also where they are streamed: up to 20 times the bytes of all else that is kept.
    private void CheckRanked(int top, List<PromptRequest> prompts)
    {
        long tokens = prompts.Sum(prompt => (long)prompt.Samples * prompt.MaxNewTokens);
        long limit = validation.Options.MaxReplyBytes / BytesPerRanked;
        if (tokens * top > limit)
        {
            throw RpcErrors.Invalid(
                $"top_logprobs is {top} at up to {tokens} tokens; one call keeps at most {limit} log-probs for it "
                + $"(Service:MaxReplyBytes / {BytesPerRanked}). Ask for fewer of them, or draw less in one call.");
        }
    }

    private int Samples(SampleRequest request)
    {
        int samples = request.HasN ? request.N : 1;
        RequestValidation.InRange("n", samples, 1, validation.Options.MaxSamples, "Send several calls with seeds of their own.");
        long sequences = (long)samples * request.Prompts.Count;
        return sequences <= validation.Options.MaxSequences
            ? samples
            : throw RpcErrors.Invalid(
                $"prompts x n is {request.Prompts.Count} x {samples} = {sequences} completions; the limit of one call is {validation.Options.MaxSequences}. "
                + "Send fewer prompts a call.");
    }

    private static SamplingParameters Parameters(SamplerSettings settings)
    {
        try
        {
            return new SamplingParameters(
                settings.HasTemperature ? settings.Temperature : 1,
                settings.HasTopK ? settings.TopK : 0,
                settings.HasTopP ? settings.TopP : 1,
                settings.HasMinP ? settings.MinP : 0);
        }
        catch (ArgumentOutOfRangeException fault)
        {
            // The first line: .NET appends the parameter's name and value again.
            throw RpcErrors.Invalid("settings." + fault.Message.Split(" (Parameter", 2)[0]);
        }
    }

    private StopRule Stop(SamplerSettings settings, LoadedModel model)
    {
        int limit = validation.Options.MaxStops;
        foreach (var (field, count) in new[] { ("settings.stop_strings", settings.StopStrings.Count), ("settings.stop_ids", settings.StopIds.Count) })
        {
            RequestValidation.InRange($"the number of {field}", count, 0, limit, "Use fewer.");
        }

        for (int i = 0; i < settings.StopStrings.Count; i++)
        {
            RequestValidation.InRange(
                $"the length of settings.stop_strings[{i}]", settings.StopStrings[i].Length, 1, validation.Options.MaxStopLength, "Shorten it, or leave it out.");
        }

        int[] ids = RequestValidation.Ids("settings.stop_ids", settings.StopIds, model);
        IEnumerable<int> all = model.EosId is { } eos ? [.. ids, eos] : ids;
        if (settings.StopStrings.Count == 0)
        {
            return new StopRule(all);
        }

        RequestValidation.Tokenizer("settings.stop_strings", model, "Use settings.stop_ids.");
        try
        {
            return new StopRule(all, settings.StopStrings, model.Decode);
        }
        catch (ArgumentException fault)
        {
            throw RpcErrors.Invalid("settings." + fault.Message.Split(" (Parameter", 2)[0]);
        }
    }

    private int[] PromptIds(string field, Prompt prompt, LoadedModel model, int least)
    {
        if (prompt.ContentCase == Prompt.ContentOneofCase.Ids)
        {
            CheckLength(field, prompt.Ids.Ids.Count, model, least); // before they are copied: a message may hold a million
        }

        int[] ids = prompt.ContentCase switch
        {
            Prompt.ContentOneofCase.Ids => RequestValidation.Ids($"{field}.ids", prompt.Ids.Ids, model),
            Prompt.ContentOneofCase.Text => validation.Encode($"{field}.text", prompt.Text, model, $"Use {field}.ids."),
            _ => throw RpcErrors.Invalid($"{field} holds neither text nor ids; set one of them."),
        };
        CheckLength(field, ids.Length, model, least);
        return ids;
    }

    private static void CheckLength(string field, int tokens, LoadedModel model, int least)
    {
        if (tokens == 0)
        {
            string start = model.EosId is { } eos ? $", for example the end-of-text id {eos}, which starts a text" : "";
            throw RpcErrors.Invalid($"{field} has 0 tokens; it takes at least 1{start}.");
        }

        int limit = model.SlotTokens - least;
        if (tokens > limit)
        {
            throw RpcErrors.Invalid(
                $"{field} has {tokens} tokens; model '{model.Name}' takes at most {limit}{(least > 0 ? ", so that one can be drawn" : "")}. Shorten the prompt.");
        }
    }

    private static int MaxNewTokens(string field, SamplerSettings settings, int promptTokens, LoadedModel model, int least)
    {
        int room = model.SlotTokens - promptTokens;
        if (!settings.HasMaxNewTokens)
        {
            return Math.Min(DefaultMaxNewTokens, room);
        }

        int value = settings.MaxNewTokens;
        return value >= least && value <= room
            ? value
            : throw RpcErrors.Invalid(
                $"settings.max_new_tokens is {value}; model '{model.Name}' takes {least} to {room} tokens after {field} of {promptTokens}. "
                + "Shorten the prompt or ask for fewer.");
    }
}
