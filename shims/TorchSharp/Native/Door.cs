using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>The entry points of libTorchDoor.so, one to one; Door.cpp tells what each does.</summary>
internal static unsafe partial class Door
{
    private const string Library = "libTorchDoor.so";

    [LibraryImport(Library)] public static partial byte* door_error();
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int door_operator(string name, string overload, out nint found);
    [LibraryImport(Library)] public static partial int door_call(nint op, NativeValue* values, int count, NativeResult** results, int* resultCount);
    [LibraryImport(Library)] public static partial void door_free(nint tensor);
    [LibraryImport(Library)] public static partial int door_from_buffer(void* data, long bytes, long* sizes, int rank, int dtype, nint* tensor);
    [LibraryImport(Library)] public static partial int door_data(nint tensor, void** data);
    [LibraryImport(Library)] public static partial long door_numel(nint tensor);
    [LibraryImport(Library)] public static partial int door_rank(nint tensor);
    [LibraryImport(Library)] public static partial int door_dtype(nint tensor);
    [LibraryImport(Library)] public static partial int door_contiguous(nint tensor);
    [LibraryImport(Library)] public static partial int door_leaf(nint tensor);
    [LibraryImport(Library)] public static partial int door_requires_grad(nint tensor);
    [LibraryImport(Library)] public static partial void door_sizes(nint tensor, long* sizes);
    [LibraryImport(Library)] public static partial void door_device(nint tensor, int* type, int* index);
    [LibraryImport(Library)] public static partial int door_set_requires_grad(nint tensor, int on);
    [LibraryImport(Library)] public static partial int door_retain_grad(nint tensor);
    [LibraryImport(Library)] public static partial int door_grad(nint tensor, nint* grad);
    [LibraryImport(Library)] public static partial int door_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)]
    public static partial int door_backward(nint* roots, int count, nint* grads, int gradCount, int retain, int create, nint* inputs, int inputCount);
    [LibraryImport(Library)]
    public static partial int door_autograd(nint* outputs, int count, nint* inputs, int inputCount, nint* grads, int gradCount, int retain, int create, int unused, NativeResult** results);
    [LibraryImport(Library)] public static partial int door_grad_enabled();
    [LibraryImport(Library)] public static partial void door_set_grad_enabled(int on);
    [LibraryImport(Library)] public static partial nint door_inference_begin(int on);
    [LibraryImport(Library)] public static partial void door_inference_end(nint guard);
    [LibraryImport(Library)] public static partial int door_threads();
    [LibraryImport(Library)] public static partial int door_set_threads(int count);
    [LibraryImport(Library)] public static partial int door_manual_seed(ulong seed);
    [LibraryImport(Library)] public static partial nint door_default_generator();
    [LibraryImport(Library)] public static partial nint door_new_generator(ulong seed);
    [LibraryImport(Library)] public static partial void door_free_generator(nint generator);
    [LibraryImport(Library)] public static partial ulong door_initial_seed(nint generator);
    [LibraryImport(Library)] public static partial int door_reseed(nint generator, ulong seed);
    [LibraryImport(Library)] public static partial int door_generator_state(nint generator, nint* state);
    [LibraryImport(Library)] public static partial int door_set_generator_state(nint generator, nint state);
    [LibraryImport(Library)] public static partial int door_cuda_available();

    /// <summary>Turns a failed call into an exception with the first line of libtorch's own message.</summary>
    public static void Check(int failed)
    {
        if (failed != 0)
        {
            string message = Marshal.PtrToStringUTF8((nint)door_error());
            throw new ExternalException(message.Split('\n', 2)[0]);
        }
    }
}

/// <summary>What kind of value crosses the door; the numbers are Door.cpp's.</summary>
internal enum Tag
{
    None,
    Tensor,
    Int,
    Double,
    Bool,
    TensorList,
    IntList,
    DoubleList,
    Device,
    String,
    Generator,
}

/// <summary>An argument as Door.cpp lays it out.</summary>
internal struct NativeValue
{
    public Tag Tag;
    public int Extra;
    public long Number;
    public double Real;
    public nint Data;
}

/// <summary>A result as Door.cpp lays it out; Bytes is the tensor's memory where it alone owns it.</summary>
#pragma warning disable CS0649 // native code writes the fields
internal struct NativeResult
{
    public Tag Tag;
    public int DType;
    public long Number;
    public double Real;
    public nint Tensor;
    public long Bytes;
}
#pragma warning restore CS0649
