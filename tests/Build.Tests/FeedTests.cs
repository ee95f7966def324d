using Rudder.Build;

namespace Rudder.Build.Tests;

public class FeedTests
{
    [Fact]
    public void Judge_RestoreSucceeded_IsTheOpenFeed() => Assert.Equal("nuget", Feed.Judge(0, "Restored probe.csproj"));

    [Theory]
    [InlineData("error NU1101: Unable to find package TorchSharp.")]
    [InlineData("error NU1102: Unable to find package TorchSharp with version (>= 0.107.0)")]
    public void Judge_PackageMissing_IsRestricted(string output) => Assert.Equal("restricted", Feed.Judge(1, output));

    [Fact]
    public void Judge_AnotherError_IsNeitherFeed()
    {
        var failure = Assert.Throws<BuildException>(() => Feed.Judge(1, "error NU1301: Unable to load the service index."));

        Assert.Contains("NU1301", failure.Message);
        Assert.Contains("--feed", failure.Message);
    }
}
