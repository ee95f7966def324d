namespace Rudder.Build;

/// <summary>A Debian package and what it is for.</summary>
/// <param name="Name">As apt knows it.</param>
/// <param name="Why">Printed before it is installed.</param>
internal sealed record DebianPackage(string Name, string Why);

/// <summary>Installs the Debian packages that a target needs and the machine lacks.</summary>
internal static class DebianPackages
{
    /// <summary>What the benchmarks against Python need.</summary>
    public static IReadOnlyList<DebianPackage> ForPythonPeers { get; } =
    [
        new("python3-torch", "the Python peers of the training and scoring benchmarks"),
        new("python3-numpy", "used by python3-torch"),
    ];

    /// <summary>What the tests of foreign clients need.</summary>
    public static IReadOnlyList<DebianPackage> ForInterop { get; } =
    [
        new("python3-grpcio", "the Python gRPC client that the interop tests call the service with"),
        new("python3-protobuf", "the messages under that client"),
        new("protobuf-compiler", "makes its stubs from the contracts"),
        new("protobuf-compiler-grpc", "protoc's plug-in for them"),
    ];

    /// <summary>Installs what is missing, where this is Debian and the user is root; elsewhere does nothing.</summary>
    /// <returns>The packages that are still missing.</returns>
    /// <exception cref="BuildException">apt-get failed.</exception>
    public static IReadOnlyList<DebianPackage> InstallWherePossible(IReadOnlyList<DebianPackage> wanted)
    {
        if (Shell.Capture("dpkg-query", "--version") is null)
        {
            return wanted;
        }

        if (Environment.UserName == "root")
        {
            Install(wanted);
        }

        return [.. wanted.Where(package => !IsInstalled(package.Name))];
    }

    /// <summary>Installs those of <paramref name="wanted"/> that are missing, saying first which and why.</summary>
    /// <exception cref="BuildException">Not Debian, not root, or apt-get failed.</exception>
    public static void Install(IReadOnlyList<DebianPackage> wanted)
    {
        var missing = wanted.Where(package => !IsInstalled(package.Name)).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        string command = "apt-get install -y --no-install-recommends " + string.Join(' ', missing.Select(package => package.Name));
        Console.WriteLine("Installing Debian packages:");
        missing.ForEach(package => Console.WriteLine($"  {package.Name}: {package.Why}"));
        if (Environment.UserName != "root")
        {
            throw new BuildException($"Installing needs root and this is '{Environment.UserName}'. Run as root: apt-get update && {command}");
        }

        // A fresh machine may have no package lists at all.
        Shell.Require("apt-get", "update", "-qq");
        Shell.Require("apt-get", [.. command.Split(' ')[1..], "-qq", "-o", "Dpkg::Use-Pty=0"]);
    }

    private static bool IsInstalled(string name)
    {
        var (code, output) = Shell.Capture("dpkg-query", "-W", "-f=${db:Status-Status}", name)
            ?? throw new BuildException($"'dpkg-query' is missing: this is not a Debian system. Install {name} with this system's package manager.");
        return code == 0 && output == "installed";
    }
}
