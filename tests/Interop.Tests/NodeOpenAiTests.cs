using System.Globalization;
using System.Text.Json;
using Rudder.Inference.V1;

namespace Rudder.Interop.Tests;

/// <summary>npm's openai client against the HTTP face: the tokens and texts of the gRPC face, and errors in that API's form.</summary>
public sealed class NodeOpenAiTests(InteropService service)
{
    private const int StopLength = 2;

    [Fact]
    public async Task Completions_FromNode_GiveWhatGrpcGives()
    {
        var expected = await service.ExpectedAsync();
        string stop = StopIn(expected.Text);

        var client = await RunAsync(stop);

        var whole = client["completion"];
        Assert.Equal(expected.Text, whole.Text("text"));
        Assert.Equal(expected.FinishReason == FinishReason.Length ? "length" : "stop", whole.Text("finish_reason"));
        Assert.Equal(expected.Ids.Count, whole.Number("completion_tokens"));
        Assert.Equal(expected.PromptIds.Count, whole.Number("prompt_tokens"));
        Assert.Equal(expected.SumLogProb, client["logprobs"].Real("sum"), 1e-4);
        Assert.Equal(expected.Text, client["stream"].Text("text"));
        Assert.True(client["stream"].Number("chunks") > 1, "the stream came in one piece");
        Assert.Equal(InteropService.Prompt + expected.Text, client["echo"].Text("text"));
        Assert.Equal(expected.Text[..expected.Text.IndexOf(stop, StringComparison.Ordinal)], client["stop"].Text("text"));
        Assert.Equal("stop", client["stop"].Text("finish_reason"));
        Assert.Equal([0, 1, 2], client["n"].Ids("indices"));
        Assert.Equal(expected.Text, client["n"].Texts("texts")[0]);
        Assert.Equal(client["greedy"].Texts("texts")[0], client["greedy"].Texts("texts")[1]);
        Assert.Equal(expected.Text, client["neutral"].Text("text"));
        Assert.Equal((await service.ExpectedAsync(seed: ulong.MaxValue)).Text, client["negative_seed"].Text("text"));
        AssertTop(client["top_logprobs"], expected);
    }

    [Fact]
    public async Task ModelsAndErrors_FromNode_HaveTheApisForm()
    {
        var client = await RunAsync("stop");

        Assert.Contains(InteropService.Generator, client["models"].Texts("ids"));
        Assert.Equal(("BadRequestError", 400), (client["bad_value"].Text("class"), client["bad_value"].Number("status")));
        Assert.Equal(("temperature", "invalid_request_error"), (client["bad_value"].Text("param"), client["bad_value"].Text("type")));
        Assert.Contains("temperature is -1", client["bad_value"].Text("message"), StringComparison.Ordinal);
        Assert.Equal(("NotFoundError", 404), (client["no_model"].Text("class"), client["no_model"].Number("status")));
        Assert.Equal("model_not_found", client["no_model"].Text("code"));
        Assert.Equal(("NotFoundError", 404), (client["no_v1"].Text("class"), client["no_v1"].Number("status")));
        Assert.Contains("/v1/completions", client["no_v1"].Text("message"), StringComparison.Ordinal);
    }

    private Task<ForeignClient> RunAsync(string stop) => NodeScript.RunAsync(
        "openai.mjs", service.HttpUrl, InteropService.Generator, InteropService.Prompt,
        InteropService.Seed.ToString(CultureInfo.InvariantCulture), InteropService.Tokens.ToString(CultureInfo.InvariantCulture), stop,
        InteropService.TopLogProbs.ToString(CultureInfo.InvariantCulture));

    private static void AssertTop(JsonElement seen, Completion expected)
    {
        double[] best = [.. seen.GetProperty("best").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(expected.TopLogProbs.Count, best.Length);
        Assert.All(expected.TopLogProbs.Zip(best), place => Assert.Equal(place.First.LogProbs[0], place.Second, 1e-6)); // single precision in one text
        Assert.True(seen.GetProperty("holds").GetBoolean(), "a drawn token is not in its place's list");
        Assert.InRange(seen.Number("most"), 1, InteropService.TopLogProbs + 1);
        Assert.True(seen.GetProperty("streamed").GetBoolean(), "the stream sent other tokens");
        Assert.True(seen.GetProperty("echo_first_is_null").GetBoolean(), "nothing predicts a prompt's first token");
        Assert.Equal(expected.PromptIds.Count + expected.Ids.Count, seen.Number("echo_places"));
    }

    /// <summary>Two plain letters from a completion's inside: half a character of a broken UTF-8 sequence would be no stop string.</summary>
    private static string StopIn(string text)
    {
        int at = Enumerable.Range(1, text.Length - StopLength).First(i => text.Substring(i, StopLength).All(char.IsAsciiLetter));
        return text.Substring(at, StopLength);
    }
}
