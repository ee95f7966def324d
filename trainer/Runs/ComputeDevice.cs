using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Runs;

/// <summary>Chooses the device and the number of threads.</summary>
internal static class ComputeDevice
{
    /// <summary>The device called <paramref name="name"/>.</summary>
    public static Device Open(string name) =>
        name switch
        {
            "cpu" => CPU,
            "cuda" when cuda.is_available() => CUDA,
            "cuda" => throw new BadInputException("--device cuda: libtorch finds no CUDA device here. Use --device cpu."),
            _ => throw new BadInputException($"--device is '{name}'; it takes cpu or cuda."),
        };

    /// <summary>Sets torch's threads; 0 means one per physical core.</summary>
    /// <returns>The number set.</returns>
    public static int UseThreads(int threads)
    {
        if (threads < 0)
        {
            throw new BadInputException($"threads is {threads}; give 0 (one per physical core) or more.");
        }

        int used = threads > 0 ? threads : PhysicalCores();
        set_num_threads(used);
        return used;
    }

    /// <summary>Physical cores for this process: processes that may run on the same CPUs share them. The smallest number of all processes.</summary>
    /// <param name="ranks">The processes that train together.</param>
    public static int Cores(Ranks ranks)
    {
        string own = $"{Environment.MachineName} {AllowedCpus()}";
        int sharing = ranks.Gather(own).Count(other => other == own);
        return ranks.Gather([Math.Max(1, PhysicalCores() / sharing)]).Min();
    }

    /// <summary>Physical cores of this machine, as far as the system reports them.</summary>
    public static int PhysicalCores()
    {
        const string Topology = "/sys/devices/system/cpu";
        if (!Directory.Exists(Topology))
        {
            return Environment.ProcessorCount;
        }

        int cores = Directory.EnumerateDirectories(Topology, "cpu*")
            .Select(cpu => Path.Combine(cpu, "topology", "thread_siblings_list"))
            .Where(File.Exists)
            .Select(File.ReadAllText)
            .Distinct()
            .Count();
        return cores > 0 ? Math.Min(cores, Environment.ProcessorCount) : Environment.ProcessorCount;
    }

    /// <summary>The CPUs that this process may use: mpirun may bind each process to its own. Empty where the system does not say.</summary>
    private static string AllowedCpus()
    {
        const string Status = "/proc/self/status";
        return File.Exists(Status) ? File.ReadLines(Status).FirstOrDefault(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)) ?? string.Empty : string.Empty;
    }
}
