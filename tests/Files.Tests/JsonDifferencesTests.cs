using System.Text.Json.Nodes;

namespace Rudder.Files.Tests;

public sealed class JsonDifferencesTests
{
    [Fact]
    public void Of_NestedChanges_NamesEachWithBothValues()
    {
        var before = JsonNode.Parse("""{"seed":5,"optimizer":{"eps":1e-8,"betas":[0.9]},"old":"x"}""");
        var now = JsonNode.Parse("""{"optimizer":{"betas":[0.8],"eps":1e-8},"seed":6,"new":true}""");
        Assert.Equal(
            ["seed was 5, is now 6", "optimizer.betas was [0.9], is now [0.8]", "old was \"x\", is now absent", "new was absent, is now true"],
            JsonDifferences.Of(before, now));
    }

    [Fact]
    public void Of_OtherOrderOfKeys_IsNoDifference() =>
        Assert.Empty(JsonDifferences.Of(JsonNode.Parse("""{"a":1,"b":{"c":[1,2]}}"""), JsonNode.Parse("""{"b":{"c":[1,2]},"a":1}""")));
}
