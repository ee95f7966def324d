using Microsoft.ML.OnnxRuntime;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>ONNX Runtime's CUDA provider, from this build or a plug-in library. Sessions use it before the CPU provider.</summary>
/// <remarks>
/// A build with the GPU packages includes the provider. A build with the CPU package loads it as a plug-in: a library that is registered
/// once per process, after which the runtime lists its devices. docs/gpu.md explains how to get either.
/// </remarks>
internal sealed class CudaProvider
{
    private const string Name = "CUDAExecutionProvider";
    private const string Remedy =
        "Build with --accelerator cuda, name a provider library by CudaProviderLibrary, or set Device to cpu (docs/gpu.md).";

    private static readonly Lock Registering = new();

    private static readonly Dictionary<string, string> Settings = new()
    {
        ["arena_extend_strategy"] = "kSameAsRequested",      // caches are allocated once; rounding to a power of two wastes up to half
        ["use_tf32"] = "0",                                  // float32 graphs compute scores: measurements keep 24-bit precision
    };

    private static string? _registered;                      // path of the one library that this process registered
    private readonly OrtEpDevice? _plugIn;                   // null: the build's own provider

    private CudaProvider(OrtEpDevice? plugIn) => _plugIn = plugIn;

    /// <summary>Gets the provider that the options request; null for the processor.</summary>
    /// <exception cref="RequestFault">There is no provider, or it finds no GPU.</exception>
    public static CudaProvider? For(EngineOptions options) => options.Device == GraphDevice.Cuda ? Open(options) : null;

    /// <summary>Why CUDA is not available, as far as this is known without using a GPU; null if nothing prevents it.</summary>
    /// <param name="options">The device, and the path of a provider library; empty means the build's own provider.</param>
    public static RequestFault? Fault(EngineOptions options)
    {
        string library = options.CudaProviderLibrary;
        if (options.Device != GraphDevice.Cuda)
        {
            return null;
        }

        if (library.Length > 0)
        {
            return File.Exists(library)
                ? null
                : new RequestFault(
                    nameof(EngineOptions.CudaProviderLibrary),
                    $"is '{library}', which does not exist",
                    "",
                    "Give the path of libonnxruntime_providers_cuda.so.",
                    FaultKind.ModelUnusable);
        }

        string[] providers = OrtEnv.Instance().GetAvailableProviders();
        return providers.Contains(Name)
            ? null
            : new RequestFault(
                nameof(EngineOptions.Device), "is cuda", $"this build has no CUDA provider (it has {string.Join(", ", providers)})", Remedy, FaultKind.ModelUnusable);
    }

    /// <summary>Puts the provider first in a session's options; the processor runs what it does not support.</summary>
    /// <exception cref="RequestFault">The provider does not start: GPU, driver or CUDA libraries are missing.</exception>
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

    /// <summary>The device's memory, for allocations.</summary>
    public OrtMemoryInfo Memory()
    {
        var own = _plugIn?.GetMemoryInfo(OrtDeviceMemoryType.DEFAULT);
        return own is { IsInvalid: false }
            ? own
            : new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
    }

    private static CudaProvider Open(EngineOptions options)
    {
        string library = options.CudaProviderLibrary;
        if (Fault(options) is { } fault)
        {
            throw fault;
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
                throw RequestFault.Unusable(
                    $"the process has loaded the provider library {_registered}",
                    $"{path} needs another",
                    "Restart the service.");
            }
        }

        var devices = environment.GetEpDevices();
        return devices.FirstOrDefault(device => device.EpName.Contains("cuda", StringComparison.OrdinalIgnoreCase))
            ?? throw RequestFault.Unusable(
                $"the provider library {path} shows no CUDA device; there are {string.Join(", ", devices.Select(device => device.EpName).Distinct())}. "
                + "Check that a driver is installed (nvidia-smi) and that CUDA_VISIBLE_DEVICES hides no GPU, or set Device to cpu.");
    }

    private static RequestFault Unusable(OnnxRuntimeException cause) => RequestFault.Unusable($"the CUDA provider cannot be used: {cause.Message}", remedy: Remedy, inner: cause);
}
