using System.Diagnostics;
using System.Globalization;

namespace Rudder.Benchmarks;

/// <summary>A Python process that runs the same step: told over its standard input how many, it answers with the time they took.</summary>
internal sealed class PythonPeer : IDisposable
{
    private const string OpenBlas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
    private const string HugePages = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184";
    private readonly Process process;

    /// <summary>Starts a script from the benchmark's Python folder, on the same BLAS as the trainer.</summary>
    /// <param name="script">Its file name.</param>
    /// <param name="hugePages">Whether malloc is tuned to huge pages and to keep what is freed.</param>
    /// <param name="arguments">The script's arguments.</param>
    public PythonPeer(string script, bool hugePages, params string[] arguments)
    {
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

        process = Process.Start(start) ?? throw new InvalidOperationException("/usr/bin/python3 did not start.");
    }

    /// <summary>Runs steps and waits for them.</summary>
    public Cost Run(int steps)
    {
        process.StandardInput.WriteLine(steps);
        process.StandardInput.Flush();
        string answer = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(
            "the Python peer ended; its message is above. It needs python3-torch: apt-get install -y --no-install-recommends python3-torch");
        double[] seconds = [.. answer.Split(' ').Select(s => double.Parse(s, CultureInfo.InvariantCulture))];
        return new Cost(seconds[0], seconds[1]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }
}

/// <summary>What some steps took.</summary>
/// <param name="Wall">Seconds on the clock.</param>
/// <param name="Cpu">Seconds of all threads together; says more than the clock where other programs share the machine.</param>
internal readonly record struct Cost(double Wall, double Cpu);
