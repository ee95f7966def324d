namespace Rudder.Checkpoints;

/// <summary>A model folder that cannot be used: the message names the file, the place in it, what was expected, what was found and a remedy.</summary>
/// <param name="message">The whole story, fit for a user.</param>
/// <param name="inner">The failure underneath, where there was one.</param>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);
