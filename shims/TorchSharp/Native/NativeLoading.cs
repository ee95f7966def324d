using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Native;

/// <summary>Loads the native libraries before the first use, the fast BLAS first.</summary>
internal static partial class NativeLoading
{
    private const string OpenBlas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    // CA2255: a module initializer is what makes the order hold for every application, whichever type it touches first.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Load()
#pragma warning restore CA2255
    {
        // OpenBLAS misjudges some virtual machines; .NET's own SetEnvironmentVariable does not reach native code.
        if (Avx512F.IsSupported)
        {
            _ = setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
        }

        // libtorch asks for these by bare name and would get whatever BLAS the system prefers, 6 to 40 times slower.
        foreach (string name in (ReadOnlySpan<string>)["libopenblas.so.0", "libblas.so.3", "liblapack.so.3"])
        {
            string path = Path.Combine(OpenBlas, name);
            if (File.Exists(path))
            {
                NativeLibrary.Load(path);
            }
        }

        NativeLibrary.SetDllImportResolver(typeof(NativeLoading).Assembly, Resolve);
    }

    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? search)
    {
        if (name != "libTorchDoor.so")
        {
            return 0;
        }

        string path = Path.Combine(AppContext.BaseDirectory, name);
        try
        {
            nint library = NativeLibrary.Load(File.Exists(path) ? path : Path.Combine(Path.GetDirectoryName(assembly.Location) ?? ".", name));
            UseCachingAllocator(library);
            return library;
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException(
                $"{path} or a library it needs did not load: {e.Message} Install libtorch: apt-get install -y --no-install-recommends libtorch-dev libopenblas0-openmp", e);
        }
    }

    /// <summary>Must come before the first tensor: memory is freed by the allocator it came from, but only this one keeps it.</summary>
    private static unsafe void UseCachingAllocator(nint library) =>
        ((delegate* unmanaged<void>)NativeLibrary.GetExport(library, "door_use_caching_allocator"))();
}
