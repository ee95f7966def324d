namespace Rudder.InferenceService.Options;

/// <summary>The command line or a setting is wrong; the message tells the operator what, and what would be right.</summary>
internal sealed class UsageException(string message) : Exception(message);
