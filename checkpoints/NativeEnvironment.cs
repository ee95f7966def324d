using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Rudder.Checkpoints;

/// <summary>Sets the environment variables that native engines read on first use.</summary>
/// <remarks>
/// .NET's SetEnvironmentVariable changes a managed copy that native code does not see. The programs call
/// <see cref="Prepare"/> from a module initializer, so that it runs before any engine loads.
/// </remarks>
public static partial class NativeEnvironment
{
    // ONNX Runtime 1.29 and GenAI write telemetry files below the user's cache folder unless this is set.
    private static readonly bool TelemetryOff = Set("ORT_DISABLE_TELEMETRY", "1");

    /// <summary>Turns off ONNX Runtime's native telemetry for this process. Cheap, and safe to call again.</summary>
    public static void Prepare() => _ = TelemetryOff;

    private static bool Set(string name, string value)
    {
        Environment.SetEnvironmentVariable(name, value);
        return OperatingSystem.IsWindows() || setenv(name, value, 1) == 0;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    [UnsupportedOSPlatform("windows")]
    private static partial int setenv(string name, string value, int overwrite);
}
