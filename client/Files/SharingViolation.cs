namespace Rudder.Client.Files;

/// <summary>Tells a file that another program holds from all else that keeps a file from being opened.</summary>
internal static class SharingViolation
{
    private const int OnWindows = unchecked((int)0x80070020); // ERROR_SHARING_VIOLATION
    private const int OnLinux = 11; // EWOULDBLOCK of flock: .NET hands the number of a Unix error on as the HResult
    private const int OnMacOs = 35; // the same error there

    /// <summary>True where the file is open elsewhere in a way that excludes this one.</summary>
    public static bool Is(IOException failure) =>
        failure.HResult
        == (
            OperatingSystem.IsWindows() ? OnWindows
            : OperatingSystem.IsMacOS() ? OnMacOs
            : OnLinux
        );
}
