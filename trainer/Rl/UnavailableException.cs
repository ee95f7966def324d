namespace Rudder.Trainer.Rl;

/// <summary>A service or endpoint outside this process does not answer, also after retries. The run can be resumed when it does.</summary>
internal sealed class UnavailableException(string message, Exception? inner = null) : Exception(message, inner);
