namespace Rudder.Files;

/// <summary>Distinguishes a file that another program holds from every other reason for which a file cannot be opened.</summary>
public static class SharingViolation
{
    private const int OnWindows = unchecked((int)0x80070020); // ERROR_SHARING_VIOLATION
    private const int OnLinux = 11; // EWOULDBLOCK of flock: .NET uses the errno as the HResult
    private const int OnMacOs = 35; // EWOULDBLOCK on macOS

    /// <summary>True where the file is open elsewhere in a way that excludes the caller.</summary>
    /// <param name="failure">What opening the file threw.</param>
    public static bool Is(IOException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        return failure.HResult == (OperatingSystem.IsWindows() ? OnWindows : OperatingSystem.IsMacOS() ? OnMacOs : OnLinux);
    }
}
