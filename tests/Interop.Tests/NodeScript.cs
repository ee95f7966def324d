using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>Runs the Node clients, which the build has put beside their packages.</summary>
internal static class NodeScript
{
    /// <summary>Runs a script to its end.</summary>
    /// <param name="name">Its file.</param>
    /// <param name="arguments">What it takes.</param>
    public static Task<ForeignClient> RunAsync(string name, params string[] arguments) =>
        ForeignClient.RunAsync("node", [Path.Combine(SharedFolder.Root, "artifacts", "npm", "interop", name), .. arguments]);
}
