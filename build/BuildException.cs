namespace Rudder.Build;

/// <summary>Exit codes of the build program.</summary>
internal enum ExitCode
{
    /// <summary>Everything succeeded.</summary>
    Done = 0,

    /// <summary>The command line was wrong.</summary>
    Usage = 1,

    /// <summary>A step failed.</summary>
    Failed = 3,
}

/// <summary>Stops the build. The message names the step, the value and the remedy.</summary>
internal sealed class BuildException(string message, ExitCode code = ExitCode.Failed) : Exception(message)
{
    /// <summary>The exit code of the process.</summary>
    public ExitCode Code { get; } = code;
}
