using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class RunRequestTests
{
    [Fact]
    public void CommandText_SetsAndDevice_AreQuotedForAShell()
    {
        var request = new RunRequest { Command = "dpo", Recipe = "a b.json", Sets = ["data.files=[\"c\"]", "name=it's", "beta=0.5"], Device = "cuda" };
        Assert.Equal(
            "trainer dpo --recipe 'a b.json' --set 'data.files=[\"c\"]' --set 'name=it'\\''s' --set beta=0.5 --device cuda",
            request.CommandText());
    }
}
