using System.Diagnostics;
using System.Globalization;

namespace Rudder.Benchmarks;

/// <summary>
/// A Python process that runs the same step. It reads a number of steps from standard input and answers with the time they took.
/// </summary>
internal sealed class PythonPeer : IDisposable
{
    private const string OpenBlas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
    private const string HugePages = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184";
    private readonly Process _process;

    /// <summary>Starts a script from the benchmark's Python folder, on the same BLAS as the trainer.</summary>
    /// <param name="script">Its file name.</param>
    /// <param name="hugePages">Whether malloc uses huge pages and keeps freed memory.</param>
    /// <param name="arguments">The script's arguments.</param>
    /// <exception cref="InvalidOperationException">OpenBLAS is missing: the peer would be measured on the slow reference BLAS.</exception>
    public PythonPeer(string script, bool hugePages, params string[] arguments)
    {
        if (!Directory.Exists(OpenBlas))
        {
            throw new InvalidOperationException(
                $"{OpenBlas} is missing. The Python peer needs it: apt-get install -y --no-install-recommends libopenblas0-openmp");
        }

        string path = Path.Combine(AppContext.BaseDirectory, "Python", script);
        var start = new ProcessStartInfo("/usr/bin/python3", [path, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["LD_LIBRARY_PATH"] = OpenBlas;
        if (System.Runtime.Intrinsics.X86.Avx512F.IsSupported)
        {
            start.Environment["OPENBLAS_CORETYPE"] = "SKYLAKEX";
        }

        if (hugePages)
        {
            start.Environment["GLIBC_TUNABLES"] = HugePages;
        }

        _process = Process.Start(start) ?? throw new InvalidOperationException("/usr/bin/python3 did not start.");
    }

    /// <summary>Runs a number of steps and returns their cost.</summary>
    public Cost Run(int steps)
    {
        _process.StandardInput.WriteLine(steps);
        _process.StandardInput.Flush();
        string answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(
            "the Python peer ended. See its message above. It needs python3-torch: apt-get install -y --no-install-recommends python3-torch");
        double[] seconds = [.. answer.Split(' ').Select(s => double.Parse(s, CultureInfo.InvariantCulture))];
        return new Cost(seconds[0], seconds[1]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>The cost of some steps.</summary>
/// <param name="Wall">Seconds on the clock.</param>
/// <param name="Cpu">Seconds of processor time, all threads together. More exact than the clock if other programs share the
/// machine.</param>
internal readonly record struct Cost(double Wall, double Cpu)
{
    /// <summary>Runs a step a number of times and measures it.</summary>
    public static Cost Of(int steps, Action step)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < steps; i++)
        {
            step();
        }

        return new Cost(Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }
}
