using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Rudder.Trainer.Parallel;

/// <summary>The calls of Open MPI that training needs, on MPI_COMM_WORLD.</summary>
/// <remarks>
/// MPI has no common binary interface. In Open MPI a communicator, a type or an operation is the address of an exported variable; in MPICH it
/// is an integer. This class binds Open MPI's.
/// </remarks>
[UnsupportedOSPlatform("windows")]
internal sealed unsafe partial class OpenMpi
{
    private const string Library = "mpi";
    private const int Serialized = 2;                        // MPI_THREAD_SERIALIZED: any thread, one at a time
    private const int MaxText = 1024;                        // above MPI_MAX_ERROR_STRING
    private static readonly void* InPlace = (void*)1;        // MPI_IN_PLACE
    private static readonly string[] Names = ["libmpi.so.40", "libmpi.so", "libmpi.so.12", "libmpi.40.dylib", "libmpi.dylib"];
    private static readonly nint Loaded = Load();

    private readonly nint _world = Symbol("ompi_mpi_comm_world");
    private readonly nint _bytes = Symbol("ompi_mpi_byte");
    private readonly nint _floats = Symbol("ompi_mpi_float");
    private readonly nint _sum = Symbol("ompi_mpi_op_sum");

    private OpenMpi()
    {
    }

    /// <summary>Number of this process.</summary>
    public int Rank { get; private set; }

    /// <summary>Number of processes.</summary>
    public int Count { get; private set; }

    /// <summary>Starts MPI in this process.</summary>
    /// <exception cref="BadInputException">The library is missing, or it is another MPI's.</exception>
    public static OpenMpi Open()
    {
        if (Loaded == 0)
        {
            throw new BadInputException(
                $"trainer was started as one of several processes, but Open MPI's library is not installed here (tried {string.Join(", ", Names)}). "
                + "Install it (Debian: openmpi-bin), or start trainer without mpirun.");
        }

        if (!HasSymbol("ompi_mpi_comm_world"))
        {
            throw new BadInputException(
                "The MPI library on this machine is not Open MPI but another one, such as MPICH. trainer calls Open MPI: install it (Debian: openmpi-bin) "
                + "and start with its mpirun.");
        }

        var mpi = new OpenMpi();
        Check(MPI_Init_thread(null, null, Serialized, out int provided), nameof(MPI_Init_thread));
        if (provided < Serialized)
        {
            throw new BadInputException($"This Open MPI offers thread level {provided}, and trainer needs {Serialized} (MPI_THREAD_SERIALIZED). Use a build with threads.");
        }

        // Errors come back as codes, which become messages; the default would end the process without one of ours.
        Check(MPI_Comm_set_errhandler(mpi._world, Symbol("ompi_mpi_errors_return")), nameof(MPI_Comm_set_errhandler));
        Check(MPI_Comm_rank(mpi._world, out int rank), nameof(MPI_Comm_rank));
        Check(MPI_Comm_size(mpi._world, out int count), nameof(MPI_Comm_size));
        (mpi.Rank, mpi.Count) = (rank, count);
        return mpi;
    }

    /// <summary>Joins the bytes of all processes in their order.</summary>
    /// <param name="own">Bytes of this process.</param>
    /// <param name="size">Their number.</param>
    /// <param name="all">Room for all.</param>
    /// <param name="sizes">Number of bytes of each process.</param>
    public void AllGather(void* own, int size, void* all, int[] sizes)
    {
        int[] places = new int[sizes.Length];
        for (int i = 1; i < places.Length; i++)
        {
            places[i] = checked(places[i - 1] + sizes[i - 1]);
        }

        fixed (int* counts = sizes, starts = places)
        {
            Check(MPI_Allgatherv(own, size, _bytes, all, counts, starts, _bytes, _world), nameof(MPI_Allgatherv));
        }
    }

    /// <summary>Replaces numbers by their sums over all processes.</summary>
    public void AddUp(float* values, int count) => Check(MPI_Allreduce(InPlace, values, count, _floats, _sum, _world), nameof(MPI_Allreduce));

    /// <summary>Ends MPI in this process, once all processes do so.</summary>
    public static void End() => Check(MPI_Finalize(), nameof(MPI_Finalize));

    /// <summary>Ends all processes; does not return.</summary>
    public void Abort(int code) => Check(MPI_Abort(_world, code), nameof(MPI_Abort));

    private static void Check(int code, string call)
    {
        if (code != 0)
        {
            byte* text = stackalloc byte[MaxText];
            text[0] = 0;
            MPI_Error_string(code, text, out _);
            throw new WorkFailedException(
                $"{call} failed: {Marshal.PtrToStringUTF8((nint)text)}. A process or the network between them was probably lost; the job ends, and its last checkpoint is kept.");
        }
    }

    private static nint Symbol(string name) => OperatingSystem.IsWindows() ? 0 : NativeLibrary.GetExport(Loaded, name);

    private static bool HasSymbol(string name) => !OperatingSystem.IsWindows() && NativeLibrary.TryGetExport(Loaded, name, out _);

    private static nint Load()
    {
        if (OperatingSystem.IsWindows())
        {
            return 0;
        }

        nint handle = Names.Select(name => NativeLibrary.TryLoad(name, out nint found) ? found : 0).FirstOrDefault(found => found != 0);
        NativeLibrary.SetDllImportResolver(typeof(OpenMpi).Assembly, (name, _, _) => name == Library ? handle : 0); // 0: the usual search
        return handle;
    }

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Init_thread(void* argc, void* argv, int required, out int provided);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Comm_set_errhandler(nint comm, nint handler);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Comm_rank(nint comm, out int rank);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Comm_size(nint comm, out int size);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Allgatherv(void* send, int size, nint type, void* receive, int* sizes, int* places, nint received, nint comm);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Allreduce(void* send, void* receive, int count, nint type, nint operation, nint comm);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Error_string(int code, byte* text, out int length);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Abort(nint comm, int code);

    [LibraryImport("mpi")]
    [UnsupportedOSPlatform("windows")]
    private static partial int MPI_Finalize();
}
