namespace Rudder.Build;

/// <summary>A Debian package and its purpose.</summary>
/// <param name="Name">Its name in apt.</param>
/// <param name="Why">Purpose, printed before the installation.</param>
internal sealed record DebianPackage(string Name, string Why);

/// <summary>Installs the Debian packages that a target needs and that are missing.</summary>
internal static class DebianPackages
{
    /// <summary>Packages for the benchmarks against Python.</summary>
    public static IReadOnlyList<DebianPackage> ForPythonPeers { get; } =
    [
        new("python3-torch", "the Python peers of the training and scoring benchmarks"),
        new("python3-numpy", "used by python3-torch"),
        new("libopenblas0-openmp", "the peers' matrix products; without it they take the reference BLAS, which is 25 times slower"),
    ];

    /// <summary>Packages for the tests with other clients.</summary>
    public static IReadOnlyList<DebianPackage> ForInterop { get; } =
    [
        new("python3-grpcio", "the Python gRPC client that the interop tests call the service with"),
        new("python3-protobuf", "the protobuf messages of that client"),
        new("protobuf-compiler", "generates the client's stubs from protos/"),
        new("protobuf-compiler-grpc", "protoc's plug-in for gRPC stubs"),
    ];

    /// <summary>Packages for the tests and the benchmark of training in several processes.</summary>
    public static IReadOnlyList<DebianPackage> ForMpi { get; } =
    [
        new("openmpi-bin", "mpirun, which starts the processes"),
        new("libopenmpi-dev", "Open MPI's library, which the trainer calls"),
    ];

    /// <summary>Installs missing packages on Debian as root. Does nothing elsewhere.</summary>
    /// <returns>The packages that are still missing.</returns>
    public static IReadOnlyList<DebianPackage> InstallWherePossible(IReadOnlyList<DebianPackage> wanted)
    {
        if (Shell.Capture("dpkg-query", "--version") is null)
        {
            return wanted;
        }

        try
        {
            if (Environment.UserName == "root")
            {
                Install(wanted);
            }
        }
        catch (WorkFailedException offline)
        {
            Console.WriteLine(offline.Message);
        }

        return [.. wanted.Where(package => !IsInstalled(package.Name))];
    }

    /// <summary>Installs the missing packages of <paramref name="wanted"/>, and first prints their names and purposes.</summary>
    /// <exception cref="WorkFailedException">The system is not Debian, the user is not root, or apt-get failed.</exception>
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
            throw new WorkFailedException($"apt-get needs root, but the user is '{Environment.UserName}'. Run as root: apt-get update && {command}");
        }

        // A new machine may have no package lists.
        Shell.Require("apt-get", "update", "-qq");
        Shell.Require("apt-get", [.. command.Split(' ')[1..], "-qq", "-o", "Dpkg::Use-Pty=0"]);
    }

    private static bool IsInstalled(string name)
    {
        var (code, output) = Shell.Capture("dpkg-query", "-W", "-f=${db:Status-Status}", name)
            ?? throw new WorkFailedException($"'dpkg-query' is missing, so this is not a Debian system. Install {name} with the system's package manager.");
        return code == 0 && output == "installed";
    }
}
