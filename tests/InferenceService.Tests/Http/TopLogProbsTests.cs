using System.Text.Json;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Http;

/// <summary><c>logprobs: n</c> over HTTP. A model without a tokenizer shows ids as <c>token_id:N</c>, which tests can compare.</summary>
public sealed class TopLogProbsTests(SharedHttpService shared)
{
    private readonly HttpFace _http = shared.Http;

    [Fact]
    public async Task Completions_LogProbsOfThree_TellWhatGrpcTellsAndTheDrawnToken()
    {
        var sampled = await shared.Service.Sampling.SampleAsync(new SampleRequest
        {
            Model = SharedHttpService.Ids,
            Prompts = { Golden.Prompt(1, 2, 3) },
            Logprobs = true,
            TopLogprobs = 3,
            Settings = new SamplerSettings { Seed = 5, MaxNewTokens = 30, Temperature = 1.5f },
        });
        var reply = await _http.CompleteAsync(
            new { model = SharedHttpService.Ids, prompt = new[] { 1, 2, 3 }, max_tokens = 30, seed = 5, temperature = 1.5, logprobs = 3 });

        var completion = Assert.Single(sampled.Completions);
        var places = Places(reply);
        Assert.Equal(completion.Ids.Count, places.Count);
        for (int i = 0; i < places.Count; i++)
        {
            var top = completion.TopLogProbs[i];
            IEnumerable<(string, float)> expected = top.Ids.Select((id, k) => ($"token_id:{id}", top.LogProbs[k]));
            (string, float) drawn = ($"token_id:{completion.Ids[i]}", completion.TokenLogProbs[i]);
            expected = top.Ids.Contains(completion.Ids[i]) ? expected : expected.Append(drawn);
            Assert.Equal(expected, Entries(places[i]));
        }

        Assert.Contains(places, place => place.EnumerateObject().Count() == 4);
        Assert.All(places, place => Assert.InRange(place.EnumerateObject().Count(), 3, 4));
    }

    [Fact]
    public async Task Completions_EchoOfAFixturePrompt_TellsTheHeadOfTheGoldenLogits()
    {
        var golden = TinyModel.Expected("tiny-gpt2").GetProperty("logits_last_position")[0];
        var expected = ReferenceRanking.Of([.. golden.EnumerateArray().Select(value => value.GetSingle())], 5);
        int[] prompt = [.. Golden.InputIds[0], expected[2].Id];

        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Ids, prompt, max_tokens = 0, echo = true, logprobs = 5 });

        var places = Places(reply);
        Assert.Equal(prompt.Length, places.Count);
        Assert.Equal(JsonValueKind.Null, places[0].ValueKind);
        var last = Entries(places[^1]);
        Assert.Equal(expected.Select(token => $"token_id:{token.Id}"), last.Select(entry => entry.Token));

        // Hugging Face's numbers for the same weights; fp32 sums run in another order there.
        Assert.All(expected.Zip(last), pair => Assert.Equal(pair.First.LogProb, pair.Second.LogProb, 1e-4));
        Assert.All(places.Skip(1).Zip(prompt.Skip(1)), place => Assert.Contains(Entries(place.First), entry => entry.Token == $"token_id:{place.Second}"));
    }

    [Fact]
    public async Task Completions_EchoAndDraw_TellPromptAndCompletion()
    {
        var reply = await _http.CompleteAsync(
            new { model = SharedHttpService.Text, prompt = "The model", max_tokens = 8, seed = 3, temperature = 0, logprobs = 2, echo = true });

        var logProbs = Choice(reply).GetProperty("logprobs");
        var places = Places(reply);
        List<string> tokens = [.. logProbs.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!)];
        int drawn = reply.GetProperty("usage").GetProperty("completion_tokens").GetInt32();
        Assert.Equal(tokens.Count, places.Count);
        Assert.Equal(JsonValueKind.Null, places[0].ValueKind);
        Assert.All(places.Skip(1).Zip(tokens.Skip(1)), place => Assert.True(place.First.TryGetProperty(place.Second, out _), place.Second));

        // Greedy: each drawn token is the first of its place.
        Assert.All(places.TakeLast(drawn).Zip(tokens.TakeLast(drawn)), place => Assert.Equal(place.Second, Entries(place.First)[0].Token));
    }

    [Fact]
    public async Task Completions_LogProbsOfNone_TellNoPlaces()
    {
        var reply = await _http.CompleteAsync(new { model = SharedHttpService.Ids, prompt = new[] { 1 }, max_tokens = 2, logprobs = 0 });

        Assert.Equal(JsonValueKind.Null, Choice(reply).GetProperty("logprobs").GetProperty("top_logprobs").ValueKind);
    }

    private static JsonElement Choice(JsonElement reply) => Assert.Single(reply.GetProperty("choices").EnumerateArray());

    private static List<JsonElement> Places(JsonElement reply) =>
        [.. Choice(reply).GetProperty("logprobs").GetProperty("top_logprobs").EnumerateArray()];

    private static List<(string Token, float LogProb)> Entries(JsonElement place) =>
        [.. place.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetSingle()))];
}
