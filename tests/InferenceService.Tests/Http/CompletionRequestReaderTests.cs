using System.Text;
using Rudder.Inference.V1;
using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class CompletionRequestReaderTests
{
    [Fact]
    public void Read_OnlyTheRequired_HasTheApisDefaults()
    {
        var request = Read("""{"model": "m", "prompt": "a b"}""");

        Assert.Equal(("m", 1, 16, 1f, 1f, 0, 0f), (request.Model, request.N, request.MaxTokens, request.Temperature, request.TopP, request.TopK, request.MinP));
        Assert.Equal((false, 0), (request.LogProbs, request.TopLogProbs));
        Assert.Equal((false, false, false, 0u), (request.Echo, request.Stream, request.IncludeUsage, request.Seed));
        Assert.Empty(request.Stop);
        Assert.True(request.HasOnePrompt);
        Assert.Equal("a b", Assert.Single(request.Prompts).Text);
    }

    [Fact]
    public void Read_EveryParameter_IsTakenOver()
    {
        var request = Read("""
            {"model": "m", "prompt": ["a", "b"], "n": 3, "best_of": 3, "max_tokens": 5, "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125,
             "logprobs": 5, "echo": true, "stop": ["x", "y"], "seed": 4294967295, "stream": true, "stream_options": {"include_usage": true},
             "user": "u", "suffix": "", "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}}
            """);

        Assert.Equal((3, 5, 0.5f, 0.25f, 7, 0.125f), (request.N, request.MaxTokens, request.Temperature, request.TopP, request.TopK, request.MinP));
        Assert.Equal((true, 5), (request.LogProbs, request.TopLogProbs));
        Assert.Equal((true, true, true, uint.MaxValue), (request.Echo, request.Stream, request.IncludeUsage, request.Seed));
        Assert.Equal(["x", "y"], request.Stop);
        Assert.False(request.HasOnePrompt);
        Assert.Equal(["a", "b"], request.Prompts.Select(prompt => prompt.Text));
    }

    [Fact]
    public void Read_NullValues_AreDefaults()
    {
        var nulls = Read("""{"model": "m", "prompt": "a", "n": null, "max_tokens": null, "stop": null, "logprobs": null, "seed": null, "logit_bias": null, "stream_options": null}""");

        Assert.Equal((1, 16, false, 0u), (nulls.N, nulls.MaxTokens, nulls.LogProbs, nulls.Seed));
        Assert.Empty(nulls.Stop);
    }

    [Fact]
    public void Read_LogProbsOfNone_AsksForLogProbsAlone()
    {
        var request = Read("""{"model": "m", "prompt": "a", "logprobs": 0}""");

        Assert.Equal((true, 0), (request.LogProbs, request.TopLogProbs));
    }

    [Theory]
    [InlineData("[1, 2]", true, 1)]
    [InlineData("[[1, 2], [3]]", false, 2)]
    public void Read_PromptOfIds_KeepsThem(string prompt, bool one, int count)
    {
        var request = Read($$"""{"model": "m", "prompt": {{prompt}}}""");

        Assert.Equal((one, count), (request.HasOnePrompt, request.Prompts.Count));
        Assert.Equal(Prompt.ContentOneofCase.Ids, request.Prompts[0].ContentCase);
        Assert.Equal([1, 2], request.Prompts[0].Ids.Ids);
    }

    [Fact]
    public void Read_ObfuscationOfFalse_IsWhatThisServiceDoes()
    {
        const string options = """{"include_usage": true, "include_obfuscation": false}""";

        Assert.True(Read($$"""{"model": "m", "prompt": "a", "stream": true, "stream_options": {{options}}}""").IncludeUsage);
    }

    [Fact]
    public void Read_ObfuscationOfTrue_IsToldThatThereIsNone()
    {
        var error = Refused("""{"model": "m", "prompt": "a", "stream": true, "stream_options": {"include_obfuscation": true}}""");

        Assert.Equal("stream_options.include_obfuscation", error.Param);
        Assert.Contains("sends no padding", error.Message);
    }

    [Fact]
    public void Read_StopAsOneString_IsOneStop() => Assert.Equal(["\n"], Read("""{"model": "m", "prompt": "a", "stop": "\n"}""").Stop);

    [Fact]
    public void Read_MoreValuesThanAnyRequestNeeds_IsRefusedBeforeItIsTakenApart()
    {
        string ids = string.Join(',', Enumerable.Repeat("1", JsonSize.MaxValues));
        byte[] body = Encoding.UTF8.GetBytes($$"""{"model": "m", "prompt": [{{ids}}]}""");
        long before = GC.GetAllocatedBytesForCurrentThread();

        var fault = Assert.Throws<OpenAiException>(() => CompletionRequestReader.Read(body));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, body.Length / 4);
        Assert.Contains($"more than {JsonSize.MaxValues} JSON values", fault.Message);
    }

    [Fact]
    public void Read_MoreStopsThanAllowed_AreRefusedBeforeTheyAreRead()
    {
        byte[] body = Encoding.UTF8.GetBytes("""{"model": "m", "prompt": "a", "stop": ["x", 1]}""");

        var fault = Assert.Throws<OpenAiException>(() => CompletionRequestReader.Read(body, maxStops: 1));

        Assert.Equal(("stop", "the number of stop is 2; it takes 0 to 1. Use fewer."), (fault.Error.Param, fault.Message));
    }

    [Theory]
    [InlineData("\"max_tokens\": 99999999999", "max_tokens is 99999999999; it takes")]
    [InlineData("\"max_tokens\": 1.5", "max_tokens is 1.5; it takes")]
    [InlineData("\"seed\": -1", "seed is -1; it takes a whole number from 0 to 4294967295")]
    [InlineData("\"seed\": 123456789012345678901234567890123", "seed is a number of many digits; it takes")]
    public void Read_NumberThatIsNone_IsTold(string field, string expected) => Assert.StartsWith(
        expected, Assert.Throws<OpenAiException>(() => Read($$"""{"model": "m", "prompt": "a", {{field}}}""")).Message);

    [Fact]
    public void ToSample_EchoWithoutDrawing_AsksForNoToken()
    {
        var request = Read("""{"model": "m", "prompt": "a", "max_tokens": 0, "echo": true}""");

        Assert.True(request.DrawsNothing);
        Assert.Equal(0, request.ToSample().Settings.MaxNewTokens);
    }

    [Theory]
    [InlineData("\"model\": 1, \"prompt\": \"a\"", "model")]
    [InlineData("\"prompt\": \"a\"", "model")]
    [InlineData("\"model\": \"m\"", "prompt")]
    [InlineData("\"model\": \"m\", \"prompt\": null", "prompt")]
    [InlineData("\"model\": \"m\", \"prompt\": []", "prompt")]
    [InlineData("\"model\": \"m\", \"prompt\": {}", "prompt")]
    [InlineData("\"model\": \"m\", \"prompt\": [\"a\", 1]", "prompt[1]")]
    [InlineData("\"model\": \"m\", \"prompt\": [1, \"a\"]", "prompt[1]")]
    [InlineData("\"model\": \"m\", \"prompt\": [1.5]", "prompt[0]")]
    [InlineData("\"model\": \"m\", \"prompt\": [[1], 2]", "prompt[1]")]
    [InlineData("\"model\": \"m\", \"prompt\": [[1, null]]", "prompt[0][1]")]
    [InlineData("\"model\": \"m\", \"prompt\": [true]", "prompt[0]")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"n\": 1.5", "n")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"n\": 99999999999", "n")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"best_of\": 2", "best_of")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"max_tokens\": \"5\"", "max_tokens")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"max_tokens\": 0", "max_tokens")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"temperature\": true", "temperature")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logprobs\": 6", "logprobs")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logprobs\": -1", "logprobs")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logprobs\": true", "logprobs")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"echo\": 1", "echo")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stop\": 1", "stop")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stop\": [1]", "stop[0]")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"seed\": -1", "seed")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"seed\": 4294967296", "seed")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": \"yes\"", "stream")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream_options\": {}", "stream_options")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": []", "stream_options")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": {\"x\": 1}", "stream_options.x")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"user\": 1", "user")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"suffix\": \"b\"", "suffix")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"frequency_penalty\": 0.1", "frequency_penalty")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"presence_penalty\": -1", "presence_penalty")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logit_bias\": {\"5\": 1}", "logit_bias")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logit_bias\": 1", "logit_bias")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"tools\": []", "tools")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"model\": \"n\"", "model")]
    public void Read_WrongValue_IsRefusedNamingTheParameter(string fields, string param)
    {
        var error = Refused("{" + fields + "}");

        Assert.Equal(param, error.Param);
        Assert.StartsWith(param, error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"model\": \"m\", \"prompt\": \"a\"")]
    [InlineData("{\"model\": \"m\", \"prompt\": \"a\",}")]
    [InlineData("{\"model\": \"m\", \"prompt\": \"\\ud800\"}")]
    [InlineData("{\"model\": \"m\", \"prompt\": [[[[[[[[[[1]]]]]]]]]]}")]
    [InlineData("{\"secret text of a user\": 1}")]
    public void Read_NoRequestAtAll_IsRefusedWithoutQuotingIt(string body)
    {
        var error = Refused(body);

        Assert.Null(error.Param);
        Assert.DoesNotContain("secret", error.Message);
    }

    [Fact]
    public void Read_BytesThatAreNoUtf8_AreRefused()
    {
        byte[] body = [.. "{\"model\": \"m\", \"prompt\": \""u8, 0xC3, .. "\"}"u8];

        Assert.Equal(400, Assert.Throws<OpenAiException>(() => CompletionRequestReader.Read(body)).Error.Http);
    }

    [Fact]
    public void Read_MorePromptsThanTheLimit_AreRefusedBeforeTheyAreRead()
    {
        byte[] three = [.. "{\"model\": \"m\", \"prompt\": [[1], [2], \"no ids\"]}"u8];
        byte[] ids = [.. "{\"model\": \"m\", \"prompt\": [1, 2, 3]}"u8];

        var error = Assert.Throws<OpenAiException>(() => CompletionRequestReader.Read(three, maxPrompts: 2)).Error;

        Assert.Equal(("prompt", "prompt has 3 entries; the limit is 2. Send several calls."), (error.Param, error.Message));
        Assert.Single(CompletionRequestReader.Read(ids, maxPrompts: 2).Prompts);
    }

    private static CompletionRequest Read(string body) => CompletionRequestReader.Read(Encoding.UTF8.GetBytes(body));

    private static OpenAiError Refused(string body)
    {
        var error = Assert.Throws<OpenAiException>(() => Read(body)).Error;
        Assert.Equal((400, "invalid_request_error"), (error.Http, error.Type));
        return error;
    }
}
