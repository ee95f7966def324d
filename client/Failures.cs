namespace Rudder.Client;

/// <summary>Input that cannot be used as it is: a file, a setting, a model. Exit code 2.</summary>
/// <param name="message">What is wrong, which value, the limit, the remedy.</param>
/// <param name="inner">The cause, where there is one.</param>
internal sealed class InputException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Refuses a setting.</summary>
    /// <param name="holds">Whether the setting can be used.</param>
    /// <param name="message">Which setting, its value and its limit.</param>
    public static void Unless(bool holds, string message)
    {
        if (!holds)
        {
            throw new InputException(message);
        }
    }
}

/// <summary>Work that started and did not succeed, e.g. a child process that ended with an error. Exit code 3.</summary>
/// <param name="message">What failed and where to read on.</param>
/// <param name="inner">The cause, where there is one.</param>
internal sealed class WorkFailedException(string message, Exception? inner = null) : Exception(message, inner);
