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
}
