using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>ONNX Runtime's CUDA provider, found in this build or loaded from a library: it is put in front of the processor's in a session's options.</summary>
/// <remarks>
/// A build with the GPU packages has the provider inside. A build with the processor's package takes it as a plug-in: a library
/// registered once for the process, whose devices the runtime then lists. docs/gpu.md says how to get either.
/// </remarks>
internal sealed class CudaProvider
{
    private const string Name = "CUDAExecutionProvider";
    private const string Remedy =
        "Build with --accelerator cuda, name a provider library by Service:CudaProviderLibrary, or set Service:Device to cpu (docs/gpu.md).";

    private static readonly Lock Registering = new();

    private static readonly Dictionary<string, string> Settings = new()
    {
        ["arena_extend_strategy"] = "kSameAsRequested",      // caches are allocated once; rounding up to a power of two would waste a half
        ["use_tf32"] = "0",                                  // float32 graphs give scores: measurements keep their 24 bits
    };

    private static string? _registered;                      // path of the one library of this process
    private readonly OrtEpDevice? _plugIn;                   // null: the provider of the build

    private CudaProvider(OrtEpDevice? plugIn) => _plugIn = plugIn;

    /// <summary>The provider that the options ask for; null where they ask for the processor.</summary>
    /// <exception cref="RequestFault">There is none, or it shows no GPU.</exception>
    public static CudaProvider? For(EngineOptions options) => options.Device == GraphDevice.Cuda ? Open(options.CudaProviderLibrary) : null;

    /// <summary>What keeps CUDA from being used, as far as can be told without touching a GPU; null: nothing.</summary>
    /// <param name="library">Path of a provider library; empty: the provider of the build.</param>
    public static string? Fault(string library)
    {
        if (library.Length > 0)
        {
            return File.Exists(library)
                ? null
                : $"Service:CudaProviderLibrary is '{library}', which is no file; give the path of libonnxruntime_providers_cuda.so.";
        }

        string[] providers = OrtEnv.Instance().GetAvailableProviders();
        return providers.Contains(Name)
            ? null
            : $"Service:Device is cuda; this build has no CUDA provider (it has {string.Join(", ", providers)}). {Remedy}";
    }

    /// <summary>Puts the provider first in a session's options; what it cannot compute stays with the processor.</summary>
    /// <exception cref="RequestFault">It does not start: no GPU, no driver, or libraries of CUDA missing.</exception>
    public void AddTo(SessionOptions options)
    {
        try
        {
            if (_plugIn is not null)
            {
                options.AppendExecutionProvider(OrtEnv.Instance(), [_plugIn], Settings);
                return;
            }

            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(Settings);
            options.AppendExecutionProvider_CUDA(cuda);
        }
        catch (OnnxRuntimeException e)
        {
            throw Unusable(e);
        }
    }

    /// <summary>The memory of the device, for allocating on it.</summary>
    public OrtMemoryInfo Memory()
    {
        var own = _plugIn?.GetMemoryInfo(OrtDeviceMemoryType.DEFAULT);
        return own is { IsInvalid: false }
            ? own
            : new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
    }

    private static CudaProvider Open(string library)
    {
        if (Fault(library) is { } fault)
        {
            throw RequestFault.Unusable(fault);
        }

        try
        {
            return new CudaProvider(library.Length > 0 ? PlugIn(Path.GetFullPath(library)) : null);
        }
        catch (OnnxRuntimeException e)
        {
            throw Unusable(e);
        }
    }

    private static OrtEpDevice PlugIn(string path)
    {
        var environment = OrtEnv.Instance();
        lock (Registering)
        {
            if (_registered is null)
            {
                environment.RegisterExecutionProviderLibrary(Name, path);
                _registered = path;
            }
            else if (_registered != path)
            {
                throw RequestFault.Unusable($"the process has loaded the provider library {_registered}; {path} needs another. Restart the service.");
            }
        }

        var devices = environment.GetEpDevices();
        return devices.FirstOrDefault(device => device.EpName.Contains("cuda", StringComparison.OrdinalIgnoreCase))
            ?? throw RequestFault.Unusable(
                $"the provider library {path} shows no CUDA device; there are {string.Join(", ", devices.Select(device => device.EpName).Distinct())}. "
                + "Check that a driver is installed (nvidia-smi) and that CUDA_VISIBLE_DEVICES hides no GPU, or set Service:Device to cpu.");
    }

    private static RequestFault Unusable(OnnxRuntimeException cause) => RequestFault.Unusable($"the CUDA provider cannot be used: {cause.Message} {Remedy}", cause);
}
