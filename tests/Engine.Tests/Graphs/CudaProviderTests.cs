using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>What the operator is told where CUDA is asked for and is not there.</summary>
public sealed class CudaProviderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-cuda-").FullName;

    private static bool BuildHasCuda => OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void For_Cpu_IsNone() => Assert.Null(CudaProvider.For(new EngineOptions()));

    [Fact]
    public void For_CudaInABuildWithout_SaysHowToGetIt()
    {
        Assert.SkipWhen(BuildHasCuda, "this build has the CUDA provider");

        var e = Assert.Throws<RequestFault>(() => CudaProvider.For(new EngineOptions { Device = GraphDevice.Cuda }));

        Assert.Contains("this build has no CUDA provider (it has", e.Message);
        Assert.Contains("CPUExecutionProvider", e.Message);
        Assert.Contains("--accelerator cuda", e.Message);
        Assert.Contains("CudaProviderLibrary", e.Message);
    }

    [Fact]
    public void For_LibraryThatIsNotThere_NamesIt()
    {
        string path = Path.Combine(_folder, "libnothing.so");

        var e = Assert.Throws<RequestFault>(() => CudaProvider.For(Cuda(path)));

        Assert.Contains($"'{path}', which does not exist", e.Message);
    }

    [Fact]
    public void For_FileThatIsNoLibrary_IsRefusedAndCanBeAskedForAgain()
    {
        string path = Path.Combine(_folder, "libtext.so");
        File.WriteAllText(path, "no library");

        for (int attempt = 0; attempt < 2; attempt++)
        {
            var e = Assert.Throws<RequestFault>(() => CudaProvider.For(Cuda(path)));
            Assert.Contains("the CUDA provider cannot be used", e.Message);
        }
    }

    [Fact]
    public void Load_DecoderOnCudaThatIsNotThere_IsAModelLoadFault()
    {
        Assert.SkipWhen(BuildHasCuda, "this build has the CUDA provider");
        using var model = new TinyModel("tiny-gpt2");

        Assert.Throws<RequestFault>(() => OnnxDecoder.Load(model.Open(), new EngineOptions { Device = GraphDevice.Cuda }, null));
    }

    private static EngineOptions Cuda(string library) => new() { Device = GraphDevice.Cuda, CudaProviderLibrary = library };
}
