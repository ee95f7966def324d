using System.Runtime.Versioning;

namespace Rudder.Trainer.Parallel;

/// <summary>One of several processes that Open MPI connects. Calls come from one thread at a time.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed unsafe class MpiRanks : Ranks
{
    private readonly OpenMpi _mpi;

    private MpiRanks(OpenMpi mpi) => _mpi = mpi;

    public override int Rank => _mpi.Rank;

    public override int Count => _mpi.Count;

    /// <summary>Connects this process with the others. Blocks until all have come.</summary>
    /// <exception cref="BadInputException">Open MPI's library is missing, or the one found is another MPI's.</exception>
    public static MpiRanks Open() => new(OpenMpi.Open());

    public override T[] Gather<T>(T[] own)
    {
        int[] sizes = new int[Count];
        int size = checked(own.Length * sizeof(T));
        fixed (int* all = sizes)
        {
            _mpi.AllGather(&size, sizeof(int), all, [.. Enumerable.Repeat(sizeof(int), Count)]);
        }

        var values = new T[sizes.Sum() / sizeof(T)];
        fixed (T* from = own)
        fixed (T* to = values)
        {
            _mpi.AllGather(from, size, to, sizes);
        }

        return values;
    }

    public override void AddUp(Span<float> values)
    {
        fixed (float* first = values)
        {
            _mpi.AddUp(first, values.Length);
        }
    }

    public override void Leave(int code)
    {
        if (code is ExitCodes.Done or ExitCodes.Interrupted)
        {
            OpenMpi.End();
        }
        else
        {
            _mpi.Abort(code);
        }
    }
}
