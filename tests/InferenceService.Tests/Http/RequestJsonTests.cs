using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Rudder.Engine;
using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class RequestJsonTests
{
    [Fact]
    public void ToGeneration_OnlyTheRequired_HasTheApisDefaults()
    {
        var request = Generation("""{"model": "m", "prompt": "a b"}""");

        Assert.Equal((1, 16, 0, 0ul, "client"), (request.Samples, request.MaxNewTokens, request.TopLogProbs, request.Seed, request.Client));
        Assert.Equal("a b", Assert.Single(request.Prompts).Text);
        Assert.Equal(SamplingParameters.Plain, request.Parameters);
        Assert.Empty(request.StopStrings);
    }

    [Fact]
    public void ToGeneration_EveryParameter_IsTakenOver()
    {
        const string body = """
            {"model": "m", "prompt": ["a", "b"], "n": 3, "best_of": 3, "max_tokens": 5, "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125,
             "logprobs": 5, "echo": true, "stop": ["x", "y"], "seed": 4294967295, "stream": true, "stream_options": {"include_usage": true},
             "user": "u"}
            """;

        var request = Generation(body);

        Assert.Equal((3, 5, 5, 4294967295ul), (request.Samples, request.MaxNewTokens, request.TopLogProbs, request.Seed));
        Assert.Equal(["a", "b"], request.Prompts.Select(prompt => prompt.Text));
        Assert.Equal(new SamplingParameters(0.5f, 7, 0.25f, 0.125f), request.Parameters);
        Assert.Equal(["x", "y"], request.StopStrings);
        Assert.Equal((true, true, true), (Read(body).Echo, Read(body).Stream, Read(body).StreamOptions?.IncludeUsage));
    }

    [Fact]
    public void ToGeneration_NullValues_AreDefaults() => Assert.Equivalent(
        Generation("""{"model": "m", "prompt": "a"}"""),
        Generation("""{"model": "m", "prompt": "a", "n": null, "max_tokens": null, "stop": null, "logprobs": null, "seed": null, "logit_bias": null, "stream_options": null}"""));

    [Theory]
    [InlineData("\"suffix\": \"\"")]
    [InlineData("\"frequency_penalty\": 0, \"presence_penalty\": 0.0")]
    [InlineData("\"repetition_penalty\": 1, \"length_penalty\": 1.0")]
    [InlineData("\"repetition_penalty\": null, \"metadata\": null, \"ignore_eos\": null")]
    [InlineData("\"logit_bias\": {}, \"metadata\": {}")]
    [InlineData("\"stop_token_ids\": [], \"bad_words\": []")]
    [InlineData("\"ignore_eos\": false, \"use_beam_search\": false, \"store\": false, \"include_stop_str_in_output\": false")]
    [InlineData("\"skip_special_tokens\": true, \"min_tokens\": 0, \"top_k\": -1")]
    [InlineData("\"stream\": true, \"stream_options\": {\"include_obfuscation\": false}")]
    public void ToGeneration_NeutralValues_ChangeNothing(string fields) =>
        Assert.Equivalent(Generation("""{"model": "m", "prompt": "a"}"""), Generation($$"""{"model": "m", "prompt": "a", {{fields}}}"""), strict: true);

    [Theory]
    [InlineData("0", 0ul)]
    [InlineData("4294967295", uint.MaxValue)]
    [InlineData("4294967296", 4294967296ul)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    [InlineData("-1", ulong.MaxValue)]
    [InlineData("-9223372036854775808", 9223372036854775808ul)]
    public void Parse_Seed_IsTakenAs64Bits(string seed, ulong expected) =>
        Assert.Equal(expected, Read($$"""{"model": "m", "prompt": "a", "seed": {{seed}}}""").Seed);

    [Theory]
    [InlineData("[1, 2]", false, 1)]
    [InlineData("[[1, 2], [3]]", true, 2)]
    public void Parse_PromptOfIds_KeepsThem(string prompt, bool list, int count)
    {
        var request = Read($$"""{"model": "m", "prompt": {{prompt}}}""");

        Assert.Equal((list, count), (request.Prompt!.IsList, request.Prompt.Count));
        Assert.Equal([1, 2], request.Prompt.Ids![0]);
        Assert.Equal([1, 2], request.ToGeneration("client").Prompts[0].Ids);
    }

    [Fact]
    public void Parse_StopAsOneString_IsOneStop() => Assert.Equal(["\n"], Read("""{"model": "m", "prompt": "a", "stop": "\n"}""").Stop);

    [Fact]
    public void Parse_ManyTinyValues_TakesFewBytesForEach()
    {
        // Two bytes of the body for each id, three for each empty prompt: no value may become an object.
        byte[] ids = Encoding.UTF8.GetBytes($$"""{"model": "m", "prompt": [{{string.Join(',', Enumerable.Repeat("1", 1_000_000))}}]}""");
        byte[] prompts = Encoding.UTF8.GetBytes($$"""{"model": "m", "prompt": [{{string.Join(',', Enumerable.Repeat("\"\"", 1_000_000))}}]}""");

        foreach (byte[] body in new[] { ids, prompts })
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.NotNull(Read(body).Prompt);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10 * body.Length);
        }
    }

    [Fact]
    public void ToGeneration_EchoWithoutDrawing_AsksForNoToken()
    {
        var request = Read("""{"model": "m", "prompt": "a", "max_tokens": 0, "echo": true}""");

        Assert.True(request.DrawsNothing);
        Assert.Equal(0, request.ToGeneration("client").MaxNewTokens);
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
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"seed\": 1.5", "seed")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"seed\": 18446744073709551616", "seed")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"seed\": \"1\"", "seed")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": \"yes\"", "stream")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream_options\": {}", "stream_options")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": []", "stream_options")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": {\"x\": 1}", "stream_options.x")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": {\"include_usage\": 1}", "stream_options.include_usage")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stream\": true, \"stream_options\": {\"include_obfuscation\": true}", "stream_options.include_obfuscation")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"user\": 1", "user")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"repetition_penalty\": 1.1", "repetition_penalty")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"ignore_eos\": true", "ignore_eos")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"metadata\": {\"k\": \"v\"}", "metadata")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stop_token_ids\": [1]", "stop_token_ids")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"skip_special_tokens\": false", "skip_special_tokens")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"stop\": \"x\", \"stop\": \"y\"", "stop")]
    [InlineData("\"model\": \"m\", \"prompt\": \"\\ud800\"", "prompt")]
    [InlineData("\"Model\": \"m\", \"prompt\": \"a\"", "Model")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"suffix\": \"b\"", "suffix")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"frequency_penalty\": 0.1", "frequency_penalty")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"presence_penalty\": -1", "presence_penalty")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logit_bias\": {\"5\": 1}", "logit_bias")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"logit_bias\": 1", "logit_bias")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"tools\": []", "tools")]
    [InlineData("\"model\": \"m\", \"prompt\": \"a\", \"model\": \"n\"", "model")]
    public void ToGeneration_WrongValue_IsRefusedNamingTheParameter(string fields, string param)
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
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("null")]
    [InlineData("{\"model\": \"m\", \"prompt\": \"a\"} {}")]
    [InlineData("{\"secret text of a user\": 1}")]
    public void Parse_NoRequestAtAll_IsRefusedWithoutQuotingIt(string body)
    {
        var error = Refused(body);

        Assert.Null(error.Param);
        Assert.DoesNotContain("secret", error.Message);
    }

    [Theory]
    [InlineData("[[[[[[[[[[1]]]]]]]]]]")]
    [InlineData("{\"model\": \"m\", \"prompt\": [[[[[[[[[[1]]]]]]]]]]}")]
    [InlineData("{\"model\": \"m\", \"prompt\": \"a\", \"metadata\": {\"a\": [[[[[[[[[[1]]]]]]]]]]}}")]
    public void Parse_NestedTooDeep_IsRefused(string body) => Refused(body);

    [Fact]
    public void Parse_InvalidUtf8_IsRefused()
    {
        byte[] body = [.. "{\"model\": \"m\", \"prompt\": \""u8, 0xC3, .. "\"}"u8];

        var error = Assert.Throws<ApiException>(() => Read(body)).Error;

        Assert.Equal((400, "prompt"), (error.Http, error.Param));
    }

    private static CompletionRequest Read(string body) => Read(Encoding.UTF8.GetBytes(body));

    // The whole body is there, so nothing waits.
    private static CompletionRequest Read(byte[] body) =>
        RequestJson.ParseAsync<CompletionRequest>(PipeReader.Create(new ReadOnlySequence<byte>(body)), CancellationToken.None).GetAwaiter().GetResult();

    private static GenerationRequest Generation(string body) => Read(body).ToGeneration("client");

    private static ApiError Refused(string body)
    {
        var error = Assert.Throws<ApiException>(() => Generation(body)).Error;
        Assert.Equal((400, "invalid_request_error"), (error.Http, error.Type));
        return error;
    }
}
