namespace Rudder.Build;

/// <summary>What a failed build tells its caller.</summary>
internal enum ExitCode
{
    /// <summary>All done.</summary>
    Done = 0,

    /// <summary>The command line was wrong.</summary>
    Usage = 1,

    /// <summary>A step failed.</summary>
    Failed = 3,
}

/// <summary>A build step that cannot go on: the message says what, which value and what to do.</summary>
internal sealed class BuildException(string message, ExitCode code = ExitCode.Failed) : Exception(message)
{
    /// <summary>The exit code of the process.</summary>
    public ExitCode Code { get; } = code;
}
