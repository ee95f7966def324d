namespace Rudder.Client.Tests.Experiments;

/// <summary>A display whose output nobody reads.</summary>
internal static class Quiet
{
    public static Display Display { get; } = new(TextWriter.Null, terminal: false, TimeProvider.System);
}
