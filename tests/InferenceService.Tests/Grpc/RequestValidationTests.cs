using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Bad requests through the whole service: the status, and a message that names field, value and limit.</summary>
public sealed class RequestValidationTests(SharedService shared)
{
    private static readonly Dictionary<string, (Action<SampleRequest> Break, StatusCode Status, string[] Parts)> BadSamples = new()
    {
        ["no model"] = (r => r.Model = "", StatusCode.InvalidArgument, ["model is empty"]),
        ["illegal model name"] = (r => r.Model = "../etc/passwd", StatusCode.InvalidArgument, ["model is not a model name", "13 characters"]),
        ["name with a line end"] = (r => r.Model = "a\n", StatusCode.InvalidArgument, ["model is not a model name"]),
        ["unknown model"] = (r => r.Model = "nobody", StatusCode.NotFound, ["'nobody' is not loaded", SharedService.Ids, "Load it"]),
        ["classifier"] = (r => r.Model = SharedService.ClassifierIds, StatusCode.InvalidArgument, ["model is 'roberta-ids', a classifier", "needs a generator"]),
        ["no prompts"] = (r => r.Prompts.Clear(), StatusCode.InvalidArgument, ["prompts has 0 entries", "1 to 1024"]),
        ["too many prompts"] = (r => r.Prompts.Add(Enumerable.Repeat(Golden.Prompt(1), 1024)), StatusCode.InvalidArgument, ["prompts has 1025 entries", "1 to 1024"]),
        ["empty prompt"] = (r => r.Prompts[0] = new Prompt(), StatusCode.InvalidArgument, ["prompts[0] holds neither text nor ids"]),
        ["no ids"] = (r => r.Prompts[0] = Golden.Prompt(), StatusCode.InvalidArgument, ["prompts[0] has 0 tokens", "at least 1", "511"]),
        ["text without tokenizer"] = (r => r.Prompts[0] = new Prompt { Text = "hello" }, StatusCode.InvalidArgument, ["prompts[0].text", SharedService.Ids, "Send token ids"]),
        ["negative id"] = (r => r.Prompts.Add(Golden.Prompt(1, -1)), StatusCode.InvalidArgument, ["prompts[1].ids[1] is outside the vocabulary", "0 to 511"]),
        ["id beyond the vocabulary"] = (r => r.Prompts[0] = Golden.Prompt(512), StatusCode.InvalidArgument, ["prompts[0].ids[0] is outside the vocabulary", "0 to 511"]),
        ["prompt of the whole context"] = (r => r.Prompts[0] = Golden.Prompt(new int[64]), StatusCode.InvalidArgument, ["prompts[0] has 64 tokens", "at most 63"]),
        ["million ids, the last beyond the vocabulary"] = (r => r.Prompts[0] = Golden.Prompt([.. new int[1_000_000], 512]), StatusCode.InvalidArgument, ["prompts[0] has 1000001 tokens", "at most 63"]),
        ["n of 0"] = (r => r.N = 0, StatusCode.InvalidArgument, ["n is 0", "1 to 64"]),
        ["n too large"] = (r => r.N = 65, StatusCode.InvalidArgument, ["n is 65", "1 to 64"]),
        ["prompts x n too many"] = (r => { r.N = 64; r.Prompts.Add(Enumerable.Repeat(Golden.Prompt(1), 32)); }, StatusCode.InvalidArgument, ["33 x 64 = 2112", "2048"]),
        ["top_logprobs below 0"] = (r => r.TopLogprobs = -1, StatusCode.InvalidArgument, ["top_logprobs is -1", "0 to 20"]),
        ["top_logprobs above 20"] = (r => r.TopLogprobs = 21, StatusCode.InvalidArgument, ["top_logprobs is 21", "0 to 20"]),
        ["temperature below 0"] = (r => r.Settings.Temperature = -0.5f, StatusCode.InvalidArgument, ["settings.temperature is -0.5", "0 (greedy) to 100"]),
        ["temperature above 100"] = (r => r.Settings.Temperature = 101, StatusCode.InvalidArgument, ["settings.temperature is 101", "100"]),
        ["temperature not a number"] = (r => r.Settings.Temperature = float.NaN, StatusCode.InvalidArgument, ["settings.temperature is NaN"]),
        ["top_k below 0"] = (r => r.Settings.TopK = -1, StatusCode.InvalidArgument, ["settings.top_k is -1"]),
        ["top_p of 0"] = (r => r.Settings.TopP = 0, StatusCode.InvalidArgument, ["settings.top_p is 0", "more than 0"]),
        ["top_p above 1"] = (r => r.Settings.TopP = 1.5f, StatusCode.InvalidArgument, ["settings.top_p is 1.5", "at most 1"]),
        ["min_p of 1"] = (r => r.Settings.MinP = 1, StatusCode.InvalidArgument, ["settings.min_p is 1", "less than 1"]),
        ["max_new_tokens of 0"] = (r => r.Settings.MaxNewTokens = 0, StatusCode.InvalidArgument, ["settings.max_new_tokens is 0", "1 to 62", "a prompt of 2"]),
        ["max_new_tokens beyond the context"] = (r => r.Settings.MaxNewTokens = 63, StatusCode.InvalidArgument, ["settings.max_new_tokens is 63", "1 to 62", "Shorten the prompt"]),
        ["stop string without tokenizer"] = (r => r.Settings.StopStrings.Add("x"), StatusCode.InvalidArgument, ["settings.stop_strings", "stop ids"]),
        ["empty stop string"] = (r => r.Settings.StopStrings.Add(""), StatusCode.InvalidArgument, ["settings.stop_strings[0] has 0 characters", "1 to 128"]),
        ["long stop string"] = (r => r.Settings.StopStrings.Add(new string('x', 129)), StatusCode.InvalidArgument, ["settings.stop_strings[0] has 129 characters", "1 to 128"]),
        ["too many stop strings"] = (r => r.Settings.StopStrings.Add(Enumerable.Repeat("x", 17)), StatusCode.InvalidArgument, ["settings.stop_strings has 17 entries", "16"]),
        ["too many stop ids"] = (r => r.Settings.StopIds.Add(Enumerable.Repeat(1, 17)), StatusCode.InvalidArgument, ["settings.stop_ids has 17 entries", "16"]),
        ["stop id beyond the vocabulary"] = (r => r.Settings.StopIds.Add(9999), StatusCode.InvalidArgument, ["settings.stop_ids[0] is outside the vocabulary", "0 to 511"]),
        ["unknown field"] = (r => r.MergeFrom([0xA0, 0x38, 0x01]), StatusCode.InvalidArgument, ["field 900 is unknown"]),
        ["number in a message's place"] = (r => r.MergeFrom([0x10, 0x05]), StatusCode.InvalidArgument, ["field 2 is unknown", "of another type"]),
        ["double for a float"] = (r => r.Settings.MergeFrom([0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]), StatusCode.InvalidArgument, ["settings.field 1 is unknown"]),
    };

    private readonly RunningService _service = shared.Service;

    public static TheoryData<string> SampleCases => [.. BadSamples.Keys];

    [Theory]
    [MemberData(nameof(SampleCases))]
    public async Task Sample_BadRequest_IsRefusedByName(string name)
    {
        var (breakIt, status, parts) = BadSamples[name];
        var request = new SampleRequest { Model = SharedService.Ids, Prompts = { Golden.Prompt(1, 2) }, Settings = new SamplerSettings { MaxNewTokens = 2 } };
        await _service.Sampling.SampleAsync(request);
        breakIt(request);

        var unary = await Assert.ThrowsAsync<RpcException>(async () => await _service.Sampling.SampleAsync(request));
        using var call = _service.Sampling.SampleStream(request);
        var streamed = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(status, unary.StatusCode);
        Assert.All(parts, part => Assert.Contains(part, unary.Status.Detail));
        Assert.Equal(unary.Status.Detail, streamed.Status.Detail);
    }

    [Fact]
    public async Task Sample_IdOutOfRange_MessageHoldsNoId()
    {
        const int canary = 7654321;
        var prompt = await FaultAsync(_service.Sampling.SampleAsync(new SampleRequest { Model = SharedService.Ids, Prompts = { Golden.Prompt(1, canary) } }));
        var stop = await FaultAsync(_service.Sampling.SampleAsync(
            new SampleRequest { Model = SharedService.Ids, Prompts = { Golden.Prompt(1) }, Settings = new SamplerSettings { StopIds = { canary } } }));

        Assert.Contains("prompts[0].ids[1]", prompt.Status.Detail);
        Assert.Contains("settings.stop_ids[0]", stop.Status.Detail);
        Assert.DoesNotContain(canary.ToString(CultureInfo.InvariantCulture), prompt.Status.Detail + stop.Status.Detail);
    }

    [Fact]
    public async Task Sample_TextTooLong_NamesLengthAndLimit()
    {
        const string secret = "the user's own words ";
        var request = new SampleRequest { Model = SharedService.Text, Prompts = { new Prompt { Text = string.Concat(Enumerable.Repeat(secret, 5000)) } } };

        var fault = await FaultAsync(_service.Sampling.SampleAsync(request));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains("prompts[0].text has 105000 characters; the limit is 65536", fault.Status.Detail);
        Assert.DoesNotContain(secret, fault.Status.Detail);
    }

    [Fact]
    public async Task Sample_TextOfTooManyTokens_NamesBothCounts()
    {
        var request = new SampleRequest { Model = SharedService.Text, Prompts = { new Prompt { Text = new string('~', 200) } } };

        var fault = await FaultAsync(_service.Sampling.SampleAsync(request));

        Assert.Contains("tokens; the model takes at most 63", fault.Status.Detail);
    }

    [Theory]
    [InlineData("", 1, 1, StatusCode.InvalidArgument, "model is empty")]
    [InlineData("nobody", 1, 1, StatusCode.NotFound, "'nobody' is not loaded")]
    [InlineData(SharedService.ClassifierIds, 1, 1, StatusCode.InvalidArgument, "needs a generator")]
    [InlineData(SharedService.Ids, 0, 1, StatusCode.InvalidArgument, "sequences[0].prompt_ids has 0 ids")]
    [InlineData(SharedService.Ids, 1, 0, StatusCode.InvalidArgument, "sequences[0].completion_ids has 0 ids")]
    [InlineData(SharedService.Ids, 60, 5, StatusCode.InvalidArgument, "60 + 5 = 65 ids; the model takes at most 64")]
    public async Task LogProbs_BadRequest_IsRefusedByName(string model, int prompt, int completion, StatusCode status, string part)
    {
        var sequence = new Sequence { PromptIds = { new int[prompt] }, CompletionIds = { new int[completion] } };
        var scored = await FaultAsync(_service.Scoring.LogProbsAsync(new LogProbsRequest { Model = model, Sequences = { sequence } }));
        var diverged = await FaultAsync(_service.Scoring.DivergenceAsync(
            new DivergenceRequest { Model = model, Reference = SharedService.Ids, Sequences = { sequence } }));

        Assert.Equal((status, status), (scored.StatusCode, diverged.StatusCode));
        Assert.Contains(part, scored.Status.Detail);
        Assert.Contains(part, diverged.Status.Detail);
    }

    [Fact]
    public async Task LogProbs_ManySequencesOrNone_NamesTheLimit()
    {
        var none = await FaultAsync(_service.Scoring.LogProbsAsync(new LogProbsRequest { Model = SharedService.Ids }));
        var many = new LogProbsRequest { Model = SharedService.Ids };
        many.Sequences.AddRange(Enumerable.Repeat(new Sequence { PromptIds = { 1 }, CompletionIds = { 1 } }, 1025));
        var tooMany = await FaultAsync(_service.Scoring.LogProbsAsync(many));

        Assert.Contains("sequences has 0 entries", none.Status.Detail);
        Assert.Contains("sequences has 1025 entries; it takes 1 to 1024", tooMany.Status.Detail);
    }

    [Fact]
    public async Task Scoring_MoreIdsThanTheContext_AreCountedBeforeTheyAreLookedAt()
    {
        int[] ids = [.. new int[64], 600];                    // the last one is wrong too
        var sequence = new Sequence { PromptIds = { 1 }, CompletionIds = { ids } };
        var scored = await FaultAsync(_service.Scoring.LogProbsAsync(new LogProbsRequest { Model = SharedService.Ids, Sequences = { sequence } }));
        var input = new ClassifyInput { Ids = new TokenIds { Ids = { ids } } };
        var classified = await FaultAsync(_service.Scoring.ClassifyAsync(new ClassifyRequest { Model = SharedService.ClassifierIds, Inputs = { input } }));

        Assert.Contains("sequences[0] has 1 + 65 = 66 ids", scored.Status.Detail);
        Assert.Contains("inputs[0].ids has 65 ids", classified.Status.Detail);
    }

    [Fact]
    public async Task Sample_MessageAboveFourMebibytes_IsRefusedUnlessTheSettingsSayOtherwise()
    {
        var request = new SampleRequest { Model = SharedService.Ids, Prompts = { new Prompt { Text = new string('x', 4 << 20) } } };

        Assert.Equal(StatusCode.ResourceExhausted, (await FaultAsync(_service.Sampling.SampleAsync(request))).StatusCode);
    }

    [Theory]
    [InlineData("", StatusCode.InvalidArgument, "reference is empty")]
    [InlineData("nobody", StatusCode.NotFound, "'nobody' is not loaded")]
    [InlineData(SharedService.ClassifierIds, StatusCode.InvalidArgument, "reference is 'roberta-ids', a classifier")]
    public async Task Divergence_BadReference_IsRefusedByName(string reference, StatusCode status, string part)
    {
        var request = new DivergenceRequest { Model = SharedService.Ids, Reference = reference, Sequences = { new Sequence { PromptIds = { 1 }, CompletionIds = { 1 } } } };

        var fault = await FaultAsync(_service.Scoring.DivergenceAsync(request));

        Assert.Equal(status, fault.StatusCode);
        Assert.Contains(part, fault.Status.Detail);
    }

    [Fact]
    public async Task Classify_BadInputs_AreRefusedByName()
    {
        var cases = new (string Model, ClassifyInput? Input, StatusCode Status, string Part)[]
        {
            (SharedService.Ids, new() { Text = "x" }, StatusCode.InvalidArgument, "needs a classifier"),
            (SharedService.ClassifierIds, null, StatusCode.InvalidArgument, "inputs has 0 entries"),
            (SharedService.ClassifierIds, new(), StatusCode.InvalidArgument, "inputs[0] holds neither text nor ids"),
            (SharedService.ClassifierIds, new() { Text = "x" }, StatusCode.InvalidArgument, "inputs[0].text cannot be used; model 'roberta-ids' has no tokenizer"),
            (SharedService.ClassifierIds, new() { Ids = new TokenIds() }, StatusCode.InvalidArgument, "inputs[0].ids has 0 ids; it takes 1 to 64"),
            (SharedService.ClassifierIds, new() { Ids = new TokenIds { Ids = { new int[65] } } }, StatusCode.InvalidArgument, "inputs[0].ids has 65 ids; it takes 1 to 64"),
            (SharedService.ClassifierIds, new() { Ids = new TokenIds { Ids = { 0, 600 } } }, StatusCode.InvalidArgument, "inputs[0].ids[1] is outside the vocabulary"),
        };

        foreach (var (model, input, status, part) in cases)
        {
            var request = new ClassifyRequest { Model = model };
            request.Inputs.AddRange(input is null ? [] : [input]);
            var fault = await FaultAsync(_service.Scoring.ClassifyAsync(request));

            Assert.Equal(status, fault.StatusCode);
            Assert.Contains(part, fault.Status.Detail);
        }
    }

    private static async Task<RpcException> FaultAsync<T>(AsyncUnaryCall<T> call) => await Assert.ThrowsAsync<RpcException>(async () => await call);
}
