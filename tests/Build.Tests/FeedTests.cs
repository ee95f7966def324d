using Rudder.Build;

namespace Rudder.Build.Tests;

public class FeedTests
{
    [Fact]
    public void Judge_RestoreSucceeded_IsTheOpenFeed() => Assert.Equal("nuget", Feed.Judge(0, "Restored probe.csproj"));

    [Theory]
    [InlineData("error NU1101: Unable to find package TorchSharp.")]
    [InlineData("error NU1102: Unable to find package TorchSharp with version (>= 0.107.0)")]
    [InlineData("error NU1603: Warning As Error: probe depends on Microsoft.ML.OnnxRuntime (>= 1.29.0) but 1.31.1 was resolved instead.")]
    [InlineData("error NU1605: Warning As Error: Detected package downgrade: Google.Protobuf from 3.30.2 to 3.25.1.")]
    public void Judge_PackageMissing_IsRestricted(string output) => Assert.Equal("restricted", Feed.Judge(1, output));

    [Fact]
    public void Judge_AnotherError_IsNeitherFeed()
    {
        var failure = Assert.Throws<BuildException>(() => Feed.Judge(1, "error NU1301: Unable to load the service index."));

        Assert.Contains("NU1301", failure.Message);
        Assert.Contains("--feed", failure.Message);
    }

    [Fact]
    public void Decisive_Packages_AreThoseThatShimsStandFor()
    {
        string[] names = [.. Feed.Decisive().Select(package => package.Name)];
        Assert.Superset(new HashSet<string> { "TorchSharp", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntimeGenAI", "Grpc.AspNetCore", "Google.Protobuf" }, new HashSet<string>(names));
        Assert.DoesNotContain("TorchSharp-cuda-linux", names);
    }

    [Fact]
    public void ProbeProject_Versions_AreExact() =>
        Assert.Contains("Include=\"A\" Version=\"[1.2.3]\"", Feed.ProbeProject([("A", "1.2.3")]));
}
