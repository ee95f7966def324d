using System.Globalization;
using System.Runtime.Intrinsics.X86;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Runs;

/// <summary>Chooses the device and the number of threads.</summary>
internal static class ComputeDevice
{
    private const string CudaPrefix = "cuda:";

    /// <summary>The device that a recipe names.</summary>
    /// <param name="name">As in <see cref="Resolve(string)"/>.</param>
    public static Device Open(string name) => device(Resolve(name));

    /// <summary>The device that a name means on this machine.</summary>
    /// <param name="name">auto, cpu, cuda or cuda:N.</param>
    /// <returns>cpu or cuda:N.</returns>
    /// <exception cref="BadInputException">It is another name, or libtorch does not find the device.</exception>
    public static string Resolve(string name) => Resolve(name, cuda.is_available() ? cuda.device_count() : 0);

    /// <summary>As <see cref="Resolve(string)"/> on a machine with a number of CUDA devices.</summary>
    internal static string Resolve(string name, int cudaDevices)
    {
        if (name == "cpu" || (name == "auto" && cudaDevices == 0))
        {
            return "cpu";
        }

        string full = name is "auto" or "cuda" ? CudaPrefix + "0" : name;
        if (!full.StartsWith(CudaPrefix, StringComparison.Ordinal)
            || !int.TryParse(full.AsSpan(CudaPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index))
        {
            throw new BadInputException($"device is '{name}'; it takes auto, cpu, cuda or cuda:N, as in cuda:0.");
        }

        return index < cudaDevices ? string.Create(CultureInfo.InvariantCulture, $"{CudaPrefix}{index}") : throw new BadInputException(cudaDevices == 0
            ? $"device is '{name}', but libtorch finds no CUDA device here. Use cpu or auto, or a build for CUDA (docs/gpu.md)."
            : $"device is '{name}', but libtorch finds {cudaDevices} CUDA device{(cudaDevices == 1 ? string.Empty : "s")} here, from {CudaPrefix}0 on. "
                + "Use one of these, cpu or auto.");
    }

    /// <summary>Whether this processor has instructions for bf16 products, AVX512-BF16 or AMX-BF16. Without them libtorch's are slower than fp32.</summary>
    public static bool HasBf16Products =>
        X86Base.IsSupported && ((X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0 || (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0); // leaf 7 of CPUID

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
