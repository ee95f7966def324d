using System.Text.Json;

namespace Rudder.InferenceService.Tests.Http;

/// <summary>Streamed completions.</summary>
public sealed class CompletionStreamTests(SharedHttpService shared)
{
    private const string Opening = "The model";

    private readonly HttpFace _http = shared.Http;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Completions_Stream_PiecesAreTheWholeReply(bool echo, bool logprobs)
    {
        // At a high temperature many tokens are bytes that form no character, or only together.
        var request = new Dictionary<string, object>
        {
            ["model"] = SharedHttpService.Text,
            ["prompt"] = new[] { Opening, "A" },
            ["n"] = 4,
            ["max_tokens"] = 40,
            ["temperature"] = 3,
            ["seed"] = 11,
            ["echo"] = echo,
            ["stop"] = new[] { "qq", "e t" },
        };
        if (logprobs)
        {
            request["logprobs"] = 2;
        }

        var whole = await _http.CompleteAsync(request);
        request["stream"] = true;
        request["stream_options"] = new { include_usage = true };
        var events = await _http.StreamAsync(request);

        Assert.Equal(whole.GetProperty("usage").ToString(), events[^1].GetProperty("usage").ToString());
        Assert.Equal(0, events[^1].GetProperty("choices").GetArrayLength());
        Assert.All(events[..^1], piece => Assert.Equal(JsonValueKind.Null, piece.GetProperty("usage").ValueKind));
        foreach (var choice in whole.GetProperty("choices").EnumerateArray())
        {
            int index = choice.GetProperty("index").GetInt32();
            var pieces = events[..^1].Select(Choice).Where(piece => piece.GetProperty("index").GetInt32() == index).ToList();
            Assert.Equal(Text(choice), string.Concat(pieces.Select(Text)));
            Assert.Equal(choice.GetProperty("finish_reason").GetString(), pieces[^1].GetProperty("finish_reason").GetString());
            Assert.All(pieces[..^1], piece => Assert.Equal(JsonValueKind.Null, piece.GetProperty("finish_reason").ValueKind));
            if (logprobs)
            {
                AssertLogProbs(choice, pieces[..^1]);
            }
        }
    }

    [Fact]
    public async Task Completions_StreamOfScores_EchoesAndEnds()
    {
        var events = await _http.StreamAsync(new { model = SharedHttpService.Text, prompt = Opening, n = 2, max_tokens = 0, echo = true, stream = true });

        Assert.Equal([Opening, Opening, "", ""], events.Select(piece => Text(Choice(piece))));
    }

    private static void AssertLogProbs(JsonElement choice, List<JsonElement> pieces)
    {
        foreach (string list in new[] { "tokens", "token_logprobs", "top_logprobs", "text_offset" })
        {
            var together = pieces.SelectMany(piece => piece.GetProperty("logprobs").GetProperty(list).EnumerateArray());
            Assert.Equal(choice.GetProperty("logprobs").GetProperty(list).EnumerateArray().Select(item => item.ToString()), together.Select(item => item.ToString()));
        }
    }

    private static JsonElement Choice(JsonElement reply) => Assert.Single(reply.GetProperty("choices").EnumerateArray());

    private static string Text(JsonElement choice) => choice.GetProperty("text").GetString()!;
}
