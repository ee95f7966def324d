namespace Rudder.InferenceService.Settings;

/// <summary>The command line or a setting is wrong; the message names the fault and the remedy.</summary>
internal sealed class UsageException(string message) : Exception(message)
{
    /// <summary>One exception for all faults that were found.</summary>
    public static UsageException Of(IEnumerable<string> faults) =>
        new("The settings are not usable:\n" + string.Join('\n', faults.Select(fault => "- " + fault)));
}
