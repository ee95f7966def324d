namespace Rudder.Checkpoints.Tests;

public sealed class ChatFixtureTests
{
    [Theory]
    [InlineData("mini-chatml")]
    [InlineData("mini-bos")]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    [InlineData("gemma3")]
    [InlineData("deepseek_v3")]
    public void Render_ConversationsOfTheFixture_EqualsHuggingFace(string name)
    {
        var fixture = ChatFixture.Load(name);
        var template = ChatTemplate.Load(fixture.Folder)!;

        foreach (var row in fixture.Rows)
        {
            if ((string?)row!["error"] is { } error)
            {
                var refusal = Assert.Throws<ChatRefusedException>(() => fixture.Render(template, row));
                Assert.Equal(error, refusal.Reason);
            }
            else
            {
                Assert.Equal((string?)row["rendered"], fixture.Render(template, row).Text);
            }
        }
    }

    [Theory]
    [InlineData("mini-chatml")]
    [InlineData("mini-bos")]
    public void Encode_ConversationsOfTheFixture_EqualsHuggingFaceExceptForTokensInMessages(string name)
    {
        var fixture = ChatFixture.Load(name);
        var template = ChatTemplate.Load(fixture.Folder)!;
        var tokenizer = TextTokenizer.Load(fixture.Folder)!;

        foreach (var row in fixture.Rows.Where(row => row!["error"] is null))
        {
            int[] expected = [.. row!["ids"]!.AsArray().Select(id => (int)id!)];
            int[] ids = fixture.Render(template, row).Encode(tokenizer);
            if ((string?)row["conversation"] == "special-tokens-in-text")
            {
                Assert.True(Controls(tokenizer, ids) < Controls(tokenizer, expected), "a special token in a message became a control token");
            }
            else
            {
                Assert.Equal(expected, ids);
            }
        }
    }

    private static int Controls(TextTokenizer tokenizer, int[] ids) => ids.Count(tokenizer.SpecialTokens.Values.Contains);
}
