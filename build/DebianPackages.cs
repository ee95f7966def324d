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

    /// <summary>Installs like <see cref="Install"/> where that is possible; elsewhere says that the tests which need the packages skip.</summary>
    /// <exception cref="BuildException">apt-get failed.</exception>
    public static void InstallWherePossible(IReadOnlyList<DebianPackage> wanted)
    {
        bool debian = Shell.Capture("dpkg-query", "--version") is not null;
        if (debian && (Environment.UserName == "root" || wanted.All(package => IsInstalled(package.Name))))
        {
            Install(wanted);
            return;
        }

        string names = string.Join(' ', wanted.Select(package => package.Name));
        Console.WriteLine($"Not installed, as this is {(debian ? "not root" : "no Debian system")}: {names}. The tests that need them skip.");
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
            ?? throw new BuildException($"'dpkg-query' is missing: this is no Debian system. Install {name} in this system's way.");
        return code == 0 && output == "installed";
    }
}
