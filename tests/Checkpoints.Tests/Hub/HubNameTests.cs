namespace Rudder.Checkpoints.Tests.Hub;

public sealed class HubNameTests
{
    [Theory]
    [InlineData("Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct", "main")]
    [InlineData("gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e", "gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e")]
    [InlineData("a/b@refs/pr/1", "a/b", "refs/pr/1")]
    public void Parse_Name_GivesRepositoryAndRevision(string text, string repository, string revision)
    {
        var name = HubName.Parse(text);
        Assert.Equal((repository, revision), (name.Repository, name.Revision));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData("/etc/x")]
    [InlineData("a/b/c")]
    [InlineData("a\\b")]
    [InlineData("a--b/c")]
    [InlineData("a/..")]
    [InlineData("a/b@")]
    [InlineData("a/b@../../x")]
    [InlineData("a/b@x/../y")]
    [InlineData("a/b@/x")]
    [InlineData("a/b@.git")]
    [InlineData("a/b@x\0y")]
    [InlineData("a/b\n")]
    public void Parse_PathTrickOrNoName_IsRefused(string text) => Assert.Throws<CheckpointException>(() => HubName.Parse(text));
}
