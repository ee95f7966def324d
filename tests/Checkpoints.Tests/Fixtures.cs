using Rudder.Tests;

namespace Rudder.Checkpoints.Tests;

/// <summary>The committed model folders that tests read.</summary>
internal static class Fixtures
{
    public static string Gpt2 { get; } = Path.Combine(SharedFolder.Root, "tests", "Fixtures", "tiny-gpt2");

    public static string Roberta { get; } = Path.Combine(SharedFolder.Root, "tests", "Fixtures", "tiny-roberta");

    public static string Torch { get; } = Path.Combine(SharedFolder.Root, "tests", "Fixtures", "torch");
}
