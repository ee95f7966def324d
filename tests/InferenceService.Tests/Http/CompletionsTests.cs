using System.Net;
using System.Text.Json;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Http;

public sealed class CompletionsTests(SharedHttpService shared)
{
    private const string Opening = "The model";

    private readonly HttpFace _http = shared.Http;

    [Fact]
    public async Task Completions_SeededRequest_GivesWhatGrpcGives()
    {
        var sampled = await SampleAsync(n: 2, tokens: 20);
        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Text, prompt = Opening, n = 2, max_tokens = 20, seed = 7, logprobs = 0 });

        var choices = reply.GetProperty("choices").EnumerateArray().ToList();
        Assert.Equal([0, 1], choices.Select(choice => choice.GetProperty("index").GetInt32()));
        foreach (var (choice, completion) in choices.Zip(sampled.Completions))
        {
            Assert.Equal(completion.Text, Text(choice));
            Assert.Equal(completion.FinishReason == FinishReason.Stop ? "stop" : "length", choice.GetProperty("finish_reason").GetString());
            Assert.Equal(completion.TokenLogProbs, choice.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().Select(value => value.GetSingle()));
        }

        var usage = reply.GetProperty("usage");
        Assert.Equal(sampled.Usage.PromptTokens, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(sampled.Usage.CompletionTokens, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(sampled.Usage.PromptTokens + sampled.Usage.CompletionTokens, usage.GetProperty("total_tokens").GetInt32());
        Assert.Equal(("text_completion", SharedHttpService.Text), (reply.GetProperty("object").GetString(), reply.GetProperty("model").GetString()));
        Assert.StartsWith("cmpl-", reply.GetProperty("id").GetString());
        Assert.Equal("fp_" + sampled.Fingerprint[..16], reply.GetProperty("system_fingerprint").GetString());
    }

    [Fact]
    public async Task Completions_LogProbs_HaveTokensAndOffsetsOfTheText()
    {
        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Text, prompt = Opening, max_tokens = 12, seed = 3, logprobs = 0, echo = true });

        var choice = Choice(reply);
        string text = Text(choice);
        var logProbs = choice.GetProperty("logprobs");
        var tokens = Strings(logProbs.GetProperty("tokens"));
        int[] offsets = [.. logProbs.GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32())];
        var values = logProbs.GetProperty("token_logprobs").EnumerateArray().ToList();

        Assert.StartsWith(Opening, text);
        Assert.Equal(JsonValueKind.Null, logProbs.GetProperty("top_logprobs").ValueKind);
        Assert.Equal(tokens.Count, offsets.Length);
        Assert.Equal(tokens.Count, values.Count);
        Assert.Equal(JsonValueKind.Null, values[0].ValueKind);
        Assert.All(values.Skip(1), value => Assert.True(value.GetDouble() <= 0));
        Assert.Equal(0, offsets[0]);
        int[] starts = [.. text.Select((letter, i) => (letter, i)).Where(at => !char.IsLowSurrogate(at.letter)).Select(at => at.i), text.Length];
        Assert.All(tokens.Zip(offsets), token =>
        {
            bool shownAsText = !token.First.StartsWith("bytes:", StringComparison.Ordinal) && token.First != "<|endoftext|>";
            string rest = text[starts[token.Second]..];

            // Bytes that form no character come before the token as a replacement mark, once the token shows that they form none.
            Assert.True(!shownAsText || rest.StartsWith(token.First, StringComparison.Ordinal) || rest.StartsWith('\uFFFD'), token.ToString());
        });
    }

    [Theory]
    [InlineData(0, 64, null)]                                // tiny-gpt2 has a context of 64, all of which can be scored
    [InlineData(1, 64, "takes at most 63, so that one can be drawn")]
    [InlineData(0, 65, "takes at most 64. Shorten")]
    public async Task Completions_PromptOfTheWholeContext_IsScoredAndNotContinued(int tokens, int length, string? refusal)
    {
        object request = new { model = SharedHttpService.Ids, prompt = Enumerable.Repeat(5, length), max_tokens = tokens, echo = true, logprobs = 0 };

        if (refusal is not null)
        {
            Assert.Contains(refusal, (await _http.RefusedAsync(request)).Error.GetProperty("message").GetString());
            return;
        }

        var logProbs = (await _http.CompleteAsync(request)).GetProperty("choices")[0].GetProperty("logprobs");
        Assert.Equal(length, logProbs.GetProperty("token_logprobs").GetArrayLength());
    }

    [Fact]
    public async Task Completions_EchoWithoutDrawing_GivesTheScoresOfThePrompt()
    {
        int[] ids = Golden.InputIds[0];
        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Ids, prompt = ids, max_tokens = 0, echo = true, logprobs = 0 });

        var choice = Choice(reply);
        double[] scores = [.. choice.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().Skip(1).Select(value => value.GetDouble())];
        Assert.Equal(Golden.TokenLogProbs[0].Length, scores.Length);

        // Hugging Face's numbers for the same weights; fp32 sums run in another order there.
        Assert.All(scores.Zip(Golden.TokenLogProbs[0]), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(0, reply.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal("token_id:" + ids[0], Strings(choice.GetProperty("logprobs").GetProperty("tokens"))[0]);
    }

    [Fact]
    public async Task Completions_SeveralPrompts_AreInOrder()
    {
        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Text, prompt = new[] { "The model", "A text" }, n = 2, max_tokens = 4, echo = true });

        var texts = reply.GetProperty("choices").EnumerateArray().Select(Text).ToList();
        Assert.Equal(4, texts.Count);
        Assert.All(texts[..2], text => Assert.StartsWith("The model", text));
        Assert.All(texts[2..], text => Assert.StartsWith("A text", text));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Completions_Stop_CutsTheTextBeforeIt(bool stream)
    {
        string whole = (await SampleAsync(n: 1, tokens: 40)).Completions[0].Text;

        // Two characters that are no replacement marks, which no stop string may hold.
        int at = Enumerable.Range(2, whole.Length - 4).First(i => whole.AsSpan(i, 2).IndexOfAnyExceptInRange(' ', '~') < 0);
        string stop = whole.Substring(at, 2);
        var request = new { model = SharedHttpService.Text, prompt = Opening, max_tokens = 40, seed = 7, stop, stream };

        var pieces = stream ? await _http.StreamAsync(request) : [await _http.CompleteAsync(request)];

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], string.Concat(pieces.Select(piece => Text(Choice(piece)))));
        Assert.Equal("stop", Choice(pieces[^1]).GetProperty("finish_reason").GetString());
    }

    [Theory]
    [InlineData("""{"model": "none", "prompt": "a"}""", 404, "model")]
    [InlineData("""{"model": "classifier", "prompt": "a"}""", 400, "model")]
    [InlineData("""{"model": "text", "prompt": "a", "max_tokens": 9999}""", 400, "max_tokens")]
    [InlineData("""{"model": "text", "prompt": "a", "max_tokens": -1}""", 400, "max_tokens")]
    [InlineData("""{"model": "text", "prompt": "a", "temperature": -1}""", 400, "temperature")]
    [InlineData("""{"model": "text", "prompt": "a", "logprobs": 6}""", 400, "logprobs")]
    [InlineData("""{"model": "text", "prompt": "a", "top_p": 0}""", 400, "top_p")]
    [InlineData("""{"model": "text", "prompt": "a", "min_p": 1}""", 400, "min_p")]
    [InlineData("""{"model": "text", "prompt": "a", "n": 0}""", 400, "n")]
    [InlineData("""{"model": "text", "prompt": "a", "stop": ""}""", 400, "stop")]
    [InlineData("""{"model": "text", "prompt": ""}""", 400, "prompt")]
    [InlineData("""{"model": "text", "prompt": [1, 512]}""", 400, "prompt")]
    [InlineData("""{"model": "ids", "prompt": "a"}""", 400, "prompt")]
    [InlineData("""{"model": "ids", "prompt": [1], "stop": "a"}""", 400, "stop")]
    [InlineData("""{"model": "text", "prompt": "a", "n": 0, "stream": true}""", 400, "n")]
    public async Task Completions_WrongValue_IsRefusedInThisFacesNames(string body, int status, string param)
    {
        using var response = await _http.PostAsync(body, "application/json");
        var error = await HttpFace.ErrorOf(response);

        Assert.Equal((status, param, "invalid_request_error"), ((int)response.StatusCode, error.GetProperty("param").GetString(), error.GetProperty("type").GetString()));
        Assert.DoesNotContain("settings.", error.GetProperty("message").GetString());
        Assert.DoesNotContain("prompts[", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Completions_NoJson_IsAnUnsupportedMediaType()
    {
        using var response = await _http.PostAsync("{}", "text/plain");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        await HttpFace.ErrorOf(response);
    }

    [Fact]
    public async Task Completions_IdOutOfRange_MessageHoldsNoId()
    {
        using var response = await _http.PostAsync("""{"model":"ids","prompt":[1,7654321]}""", "application/json");
        string reply = await response.Content.ReadAsStringAsync();

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("prompt[1]", reply);
        Assert.DoesNotContain("7654321", reply);
    }

    private static JsonElement Choice(JsonElement reply) => Assert.Single(reply.GetProperty("choices").EnumerateArray());

    private static string Text(JsonElement choice) => choice.GetProperty("text").GetString()!;

    private static List<string> Strings(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetString()!)];

    private async Task<SampleResponse> SampleAsync(int n, int tokens) => await shared.Service.Sampling.SampleAsync(new SampleRequest
    {
        Model = SharedHttpService.Text,
        Prompts = { new Prompt { Text = Opening } },
        N = n,
        Logprobs = true,
        Settings = new SamplerSettings { Seed = 7, MaxNewTokens = tokens },
    });
}
