using System.Reflection;
using TorchSharp;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Knows whether the TorchSharp in use is this repository's stand-in or the genuine package.</summary>
internal static class TorchStandIn
{
    public static Assembly Assembly { get; } = typeof(torch).Assembly;

    /// <summary>Skips the calling test where the genuine package is in use: it needs no proof that it is itself.</summary>
    public static void Require() => Assert.SkipUnless(
        Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Any(a => a.Key == "StandIn"),
        "the genuine TorchSharp package is in use (Feed=nuget)");
}
