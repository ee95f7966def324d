using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class FieldNamesTests
{
    [Theory]
    [InlineData("settings.max_new_tokens is 9; model 'm' takes 1 to 5 tokens after prompts[0] of 3.", "max_tokens is 9; model 'm' takes 1 to 5 tokens after prompt of 3.", "max_tokens")]
    [InlineData("prompts[0].ids[3] is 999; model 'm' has ids 0 to 511.", "prompt[3] is 999; model 'm' has ids 0 to 511.", "prompt")]
    [InlineData("prompts has 9 entries; the limit is 8. Send several calls.", "prompt has 9 entries; the limit is 8. Send several calls.", "prompt")]
    [InlineData("prompts x n is 3 x 4. Send fewer prompts a call.", "prompt x n is 3 x 4. Send fewer prompts a call.", "prompt")]
    [InlineData("the number of settings.stop_strings is 17; it takes 0 to 16.", "the number of stop is 17; it takes 0 to 16.", "stop")]
    [InlineData("the length of settings.stop_strings[2] is 0.", "the length of stop[2] is 0.", "stop")]
    [InlineData("settings.stop_strings cannot be used. Use settings.stop_ids.", "stop cannot be used. Leave it out.", "stop")]
    [InlineData("prompts[0].text cannot be used. Use prompts[0].ids.", "prompt cannot be used. Send token ids.", "prompt")]
    [InlineData("top_logprobs is 5 at up to 9 tokens.", "logprobs is 5 at up to 9 tokens.", "logprobs")]
    [InlineData("settings.top_p is 2.", "top_p is 2.", "top_p")]
    [InlineData("n is 0; it takes 1 to 64.", "n is 0; it takes 1 to 64.", "n")]
    [InlineData("model 'x' is not loaded. Models.Load loads one.", "model 'x' is not loaded. Models.Load of the gRPC face loads one.", "model")]
    [InlineData(
        "model is 'c', a classifier. Models.List tells each model's kind.", "model is 'c', a classifier. GET /v1/models names the generators.", "model")]
    [InlineData("nothing of that", "nothing of that", null)]
    public void Translate_OnePrompt_SpeaksOfThisFacesFields(string message, string expected, string? param)
    {
        string translated = FieldNames.Translate(message, hasOnePrompt: true);

        Assert.Equal(expected, translated);
        Assert.Equal(param, FieldNames.FirstIn(translated));
    }

    [Fact]
    public void Translate_SeveralPrompts_KeepsTheirPlaces() =>
        Assert.Equal("prompt[2][3] is 999.", FieldNames.Translate("prompts[2].ids[3] is 999.", hasOnePrompt: false));
}
