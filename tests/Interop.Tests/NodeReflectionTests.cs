using System.Globalization;

namespace Rudder.Interop.Tests;

/// <summary>A foreign reflection client from npm: it knows no .proto file and lists and calls the service all the same.</summary>
public sealed class NodeReflectionTests(InteropService service)
{
    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Reflection_FromNode_ListsAndCalls(string version)
    {
        var expected = await service.ExpectedAsync();

        var client = await NodeScript.RunAsync(
            "reflection.mjs", service.Target, version, InteropService.Generator, InteropService.Prompt,
            InteropService.Seed.ToString(CultureInfo.InvariantCulture), InteropService.Tokens.ToString(CultureInfo.InvariantCulture));

        string[] services = client["services"].Texts("names");
        string[] wanted = ["inference.v1.Sampling", "inference.v1.Scoring", "inference.v1.Models", "grpc.health.v1.Health"];
        Assert.All(wanted, name => Assert.Contains(name, services));
        Assert.Equal(["Sample", "SampleStream"], client["methods"].Texts("names"));
        client["sample"].AssertIs(expected);
        Assert.Contains("x.Y", client["unknown"].Text("symbol"), StringComparison.Ordinal);
        Assert.True(client["unknown"].GetProperty("refused").GetBoolean(), "a symbol that does not exist was found");
    }
}
