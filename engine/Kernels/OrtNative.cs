using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace Rudder.Engine.Kernels;

/// <summary>The functions of ONNX Runtime's C API that custom operators need and that its managed binding does not expose.</summary>
/// <remarks>
/// The C API is a table of functions that only ever grows at the end. The binding's <see cref="OrtApi"/> names its entries, so offsets
/// come from there. Every function that can fail returns a status, 0 on success.
/// </remarks>
internal static unsafe partial class OrtNative
{
    /// <summary>The API version of the structures that this program fills in.</summary>
    public const uint Version = 22;

    private const int Failed = 1;                            // ORT_FAIL

    private static readonly nint Table = Open();
    private static readonly delegate* unmanaged<int, byte*, nint> MakeStatus = (delegate* unmanaged<int, byte*, nint>)Entry(nameof(OrtApi.CreateStatus));
    private static readonly delegate* unmanaged<nint, byte*> Message = (delegate* unmanaged<nint, byte*>)Entry(nameof(OrtApi.GetErrorMessage));
    private static readonly delegate* unmanaged<nint, void> ReleaseStatus = (delegate* unmanaged<nint, void>)Entry(nameof(OrtApi.ReleaseStatus));

    /// <summary>(name, out domain).</summary>
    public static readonly delegate* unmanaged<byte*, nint*, nint> CreateCustomOpDomain =
        (delegate* unmanaged<byte*, nint*, nint>)Entry(nameof(OrtApi.CreateCustomOpDomain));

    /// <summary>(domain, operator).</summary>
    public static readonly delegate* unmanaged<nint, void*, nint> AddOperator = (delegate* unmanaged<nint, void*, nint>)Entry(nameof(OrtApi.CustomOpDomain_Add));

    /// <summary>(session options, domain).</summary>
    public static readonly delegate* unmanaged<nint, nint, nint> AddDomain = (delegate* unmanaged<nint, nint, nint>)Entry(nameof(OrtApi.AddCustomOpDomain));

    /// <summary>(domain).</summary>
    public static readonly delegate* unmanaged<nint, void> ReleaseDomain = (delegate* unmanaged<nint, void>)Entry(nameof(OrtApi.ReleaseCustomOpDomain));

    /// <summary>(kernel info, name, out value).</summary>
    public static readonly delegate* unmanaged<nint, byte*, long*, nint> IntegerAttribute =
        (delegate* unmanaged<nint, byte*, long*, nint>)Entry(nameof(OrtApi.KernelInfoGetAttribute_int64));

    /// <summary>(kernel info, name, out value).</summary>
    public static readonly delegate* unmanaged<nint, byte*, float*, nint> FloatAttribute =
        (delegate* unmanaged<nint, byte*, float*, nint>)Entry(nameof(OrtApi.KernelInfoGetAttribute_float));

    /// <summary>(kernel info, name, text or null, in and out size).</summary>
    public static readonly delegate* unmanaged<nint, byte*, byte*, nuint*, nint> TextAttribute =
        (delegate* unmanaged<nint, byte*, byte*, nuint*, nint>)Entry(nameof(OrtApi.KernelInfoGetAttribute_string));

    /// <summary>(context, index, out value; 0 if an optional input is missing).</summary>
    public static readonly delegate* unmanaged<nint, nuint, nint*, nint> Input = (delegate* unmanaged<nint, nuint, nint*, nint>)Entry(nameof(OrtApi.KernelContext_GetInput));

    /// <summary>(context, index, dimensions, their count, out value).</summary>
    public static readonly delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint> Output =
        (delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)Entry(nameof(OrtApi.KernelContext_GetOutput));

    /// <summary>(context, function of state and index, count, batches or 0, state). Runs on the session's own threads.</summary>
    public static readonly delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint> ParallelFor =
        (delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint>)Entry(nameof(OrtApi.KernelContext_ParallelFor));

    /// <summary>(value, out data).</summary>
    public static readonly delegate* unmanaged<nint, void**, nint> Data = (delegate* unmanaged<nint, void**, nint>)Entry(nameof(OrtApi.GetTensorMutableData));

    /// <summary>(value, out shape).</summary>
    public static readonly delegate* unmanaged<nint, nint*, nint> Shape = (delegate* unmanaged<nint, nint*, nint>)Entry(nameof(OrtApi.GetTensorTypeAndShape));

    /// <summary>(shape, out number of dimensions).</summary>
    public static readonly delegate* unmanaged<nint, nuint*, nint> Rank = (delegate* unmanaged<nint, nuint*, nint>)Entry(nameof(OrtApi.GetDimensionsCount));

    /// <summary>(shape, out dimensions, their count).</summary>
    public static readonly delegate* unmanaged<nint, long*, nuint, nint> Dimensions =
        (delegate* unmanaged<nint, long*, nuint, nint>)Entry(nameof(OrtApi.GetDimensions));

    /// <summary>(shape).</summary>
    public static readonly delegate* unmanaged<nint, void> ReleaseShape = (delegate* unmanaged<nint, void>)Entry(nameof(OrtApi.ReleaseTensorTypeAndShapeInfo));

    /// <summary>Throws if a status reports an error.</summary>
    /// <exception cref="InvalidOperationException">The call failed.</exception>
    public static void Check(nint status)
    {
        if (status != 0)
        {
            string message = Marshal.PtrToStringUTF8((nint)Message(status)) ?? "no message";
            ReleaseStatus(status);
            throw new InvalidOperationException($"ONNX Runtime: {message}");
        }
    }

    /// <summary>Creates a status with the message of an exception; ONNX Runtime takes ownership of it.</summary>
    public static nint Status(Exception e)
    {
        fixed (byte* message = Encoding.UTF8.GetBytes(e.Message + '\0'))
        {
            return MakeStatus(Failed, message);
        }
    }

    private static nint Entry(string name) => *(nint*)(Table + Marshal.OffsetOf<OrtApi>(name));

    private static nint Open()
    {
        // The base structure has two functions; the first returns the table of a version.
        var getApi = *(delegate* unmanaged<uint, nint>*)OrtGetApiBase();
        nint table = getApi(Version);
        return table != 0 ? table : throw new InvalidOperationException($"this ONNX Runtime does not offer version {Version} of its C interface. Use a newer one.");
    }

    [LibraryImport("onnxruntime")]
    private static partial nint OrtGetApiBase();
}
