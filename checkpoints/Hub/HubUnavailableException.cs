namespace Rudder.Checkpoints;

/// <summary>The hub does not answer, or not in time. What was fetched so far is kept, and the next pull resumes there.</summary>
/// <param name="message">What failed.</param>
/// <param name="inner">The cause, if any.</param>
public sealed class HubUnavailableException(MessageText message, Exception? inner = null) : IOException(message.ToString(), inner);
