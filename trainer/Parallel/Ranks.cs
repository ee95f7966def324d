using System.Globalization;
using System.Text;
using Rudder.Trainer.Data;
using TorchSharp;

namespace Rudder.Trainer.Parallel;

/// <summary>
/// The processes that train one model together. This class is a single process: it owns every row, and what it exchanges is its own.
/// <see cref="MpiRanks"/> is one process of several.
/// </summary>
/// <remarks>Every process calls the methods that exchange values equally often and in the same order; otherwise they wait forever.</remarks>
internal class Ranks
{
    // Open MPI's mpirun and MPICH's (also Slurm's PMI-2) declare the number of processes; PMIx (Slurm, Open MPI 5) only the own rank.
    private static readonly string[] Sizes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];
    private const string PmixRank = "PMIX_RANK";

    /// <summary>A single process.</summary>
    public static Ranks One { get; } = new();

    /// <summary>Number of this process, from 0.</summary>
    public virtual int Rank => 0;

    /// <summary>Number of processes.</summary>
    public virtual int Count => 1;

    /// <summary>Whether this process writes the run folder and shows progress.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Joins the processes that mpirun, srun or another launcher started together with this one. Alone, it touches no MPI library.</summary>
    /// <exception cref="BadInputException">There are several, but Open MPI's library is missing or belongs to another launcher.</exception>
    public static Ranks Join()
    {
        int? declared = Declared();
        if (declared == 1 || (declared is null && Environment.GetEnvironmentVariable(PmixRank) is null))
        {
            return One;
        }

        if (OperatingSystem.IsWindows())
        {
            throw new BadInputException("trainer was started as one of several MPI processes, which it supports on Linux and macOS. Start it without mpiexec.");
        }

        var ranks = MpiRanks.Open();
        return declared is null || declared == ranks.Count
            ? ranks
            : throw new BadInputException(
                $"The launcher started {declared} processes, but Open MPI's library counts {ranks.Count}: they belong to different MPI installations. "
                + "Start trainer with the mpirun of the same Open MPI, or with srun --mpi=pmix.");
    }

    /// <summary>Refuses a command that cannot share its work, if a launcher started several of it.</summary>
    /// <param name="command">The command.</param>
    /// <exception cref="BadInputException">A launcher declares more than one process.</exception>
    public static void RequireAlone(string command) =>
        BadInputException.Unless(
            Declared() is null or 1,
            $"trainer {command} runs in one process, but {Declared()} were started. Start it without mpirun.");

    /// <summary>The part of some rows that this process works on. The parts of all processes follow each other.</summary>
    /// <param name="count">Rows of all processes together.</param>
    public Range Part(int count) => (int)((long)count * Rank / Count)..(int)((long)count * (Rank + 1) / Count);

    /// <summary>The rows that this process works on.</summary>
    /// <param name="rows">The rows of all processes together, in the same order everywhere.</param>
    public T[] Part<T>(IReadOnlyList<T> rows)
    {
        (int start, int length) = Part(rows.Count).GetOffsetAndLength(rows.Count);
        return [.. rows.Skip(start).Take(length)];
    }

    /// <summary>Joins the values of all processes.</summary>
    /// <param name="own">The values of this process; their number may differ between processes.</param>
    /// <returns>The values of process 0, then those of 1, and so on; equal on every process.</returns>
    public virtual T[] Gather<T>(T[] own)
        where T : unmanaged => own;

    /// <summary>Joins one text of each process, without NUL characters.</summary>
    public string[] Gather(string own) =>
        Encoding.UTF8.GetString(Gather(Encoding.UTF8.GetBytes(own + '\0'))).Split('\0')[..^1];

    /// <summary>Adds up values place by place, in the order of the processes.</summary>
    /// <param name="own">As many on every process.</param>
    public double[] Sum(params double[] own)
    {
        var sums = new double[own.Length];
        foreach ((int i, double value) in Gather(own).Index())
        {
            sums[i % own.Length] += value;
        }

        return sums;
    }

    /// <summary>Whether it is true on any process.</summary>
    public bool Any(bool own) => Gather([own]).Contains(true);

    /// <summary>Adds up large arrays place by place. The result replaces the values and is equal on every process.</summary>
    /// <param name="values">As many on every process.</param>
    public virtual void AddUp(Span<float> values)
    {
    }

    /// <summary>Seeds torch's generator after the weights are drawn, so that the other processes draw other dropout masks than the first.</summary>
    /// <param name="seed">The recipe's seed.</param>
    public void SeedDropout(int seed)
    {
        if (!IsFirst)
        {
            torch.manual_seed(SeedOf(seed));
        }
    }

    /// <summary>The seed of this process's dropout. The first process has the seed of a single one; the others draw other masks.</summary>
    /// <param name="seed">The recipe's seed.</param>
    public int SeedOf(int seed) => IsFirst ? seed : EpochRandom.Of(seed, Rank, -3).Next();

    /// <summary>The words that start this many processes, for messages; empty for one.</summary>
    public string Launcher => Count == 1 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"mpirun -n {Count} ");

    /// <summary>Leaves the others. After a failure it ends them too, because they would wait for this process.</summary>
    /// <param name="code">The exit code of this process.</param>
    public virtual void Leave(int code)
    {
    }

    private static int? Declared() =>
        Sizes.Select(Environment.GetEnvironmentVariable).Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int size) ? size : (int?)null)
            .FirstOrDefault(size => size is not null);
}
