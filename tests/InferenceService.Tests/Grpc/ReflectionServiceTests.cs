using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Hosting;
using Rudder.InferenceService.Telemetry;
using Alpha = Grpc.Reflection.V1Alpha;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class ReflectionServiceTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private RunningService _service = null!;

    public async ValueTask InitializeAsync() => _service = await RunningService.StartAsync(services =>
    {
        foreach (var part in services.Where(part => !part.IsKeyedService))
        {
            if (part.ImplementationInstance is IWebHostEnvironment environment)
            {
                environment.EnvironmentName = Environments.Development;
            }
        }
    });

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task ListServices_AnyHost_NamesThemAll()
    {
        var answer = await AskAsync(new ServerReflectionRequest { Host = "h", ListServices = "" });

        Assert.Equal(
            [
                "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                "inference.v1.Models", "inference.v1.Sampling", "inference.v1.Scoring",
            ],
            answer.ListServicesResponse.Service.Select(service => service.Name));
        Assert.Equal(("h", ""), (answer.ValidHost, answer.OriginalRequest.ListServices));
    }

    [Theory]
    [InlineData("inference.v1.Models")]
    [InlineData("inference.v1.Models.Load")]
    [InlineData("inference.v1.ModelInfo")]
    [InlineData("inference.v1.ModelInfo.labels")]
    [InlineData("inference.v1.ModelKind")]
    [InlineData("inference.v1.MODEL_KIND_CLASSIFIER")]
    public async Task FileContainingSymbol_EveryKindOfSymbol_GivesItsFileAndItsImports(string symbol)
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        var files = answer.FileDescriptorResponse.FileDescriptorProto.Select(bytes => FileDescriptorProto.Parser.ParseFrom(bytes)).ToList();
        Assert.Equal(["inference/v1/models.proto", "inference/v1/sampling.proto"], files.Select(file => file.Name));
        Assert.Contains(files[0].Service, service => service.Name == "Models");
    }

    [Fact]
    public async Task FileByFilename_KnownFile_CanBeBuiltAgain()
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileByFilename = "inference/v1/scoring.proto" });

        // Imports stand after what needs them; building wants them first.
        var built = FileDescriptor.BuildFromByteStrings(answer.FileDescriptorResponse.FileDescriptorProto.Reverse());
        Assert.Contains(built, file => file.Services.Any(service => service.FullName == "inference.v1.Scoring"));
    }

    [Fact]
    public async Task AllExtensionNumbers_KnownMessage_AreNone()
    {
        var answer = await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = "inference.v1.Prompt" });

        Assert.Equal("inference.v1.Prompt", answer.AllExtensionNumbersResponse.BaseTypeName);
        Assert.Empty(answer.AllExtensionNumbersResponse.ExtensionNumber);
    }

    [Fact]
    public async Task Question_WithoutAnAnswer_IsAnErrorAndTheStreamGoesOn()
    {
        var answers = await AskAllAsync(
            new ServerReflectionRequest { FileByFilename = "none.proto" },
            new ServerReflectionRequest { FileContainingSymbol = "inference.v1.None" },
            new ServerReflectionRequest { AllExtensionNumbersOfType = "inference.v1.None" },
            new ServerReflectionRequest { FileContainingExtension = new ExtensionRequest { ContainingType = "inference.v1.Prompt", ExtensionNumber = 5 } },
            new ServerReflectionRequest { Host = "nothing asked" });

        Assert.Equal(
            [StatusCode.NotFound, StatusCode.NotFound, StatusCode.NotFound, StatusCode.NotFound, StatusCode.InvalidArgument],
            answers.Select(answer => (StatusCode)answer.ErrorResponse.ErrorCode));
    }

    [Fact]
    public async Task ListServices_UnderTheOldName_GivesTheSame()
    {
        using var call = new Alpha.ServerReflection.ServerReflectionClient(_service.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new Alpha.ServerReflectionRequest { ListServices = "*" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(6, call.ResponseStream.Current.ListServicesResponse.Service.Count);
    }

    [Fact]
    public async Task OpenStream_WhenDrainingBegins_Ends()
    {
        using var call = new ServerReflection.ServerReflectionClient(_service.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        _ = _service.Get<ServiceState>().BecomeDraining();

        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Limit));
    }

    [Fact]
    public async Task Reflection_OutsideDevelopment_IsNotThere()
    {
        await using var service = await RunningService.StartAsync();
        using var call = new ServerReflection.ServerReflectionClient(service.Channel).ServerReflectionInfo();

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.Unimplemented, fault.StatusCode);
    }

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest question) => Assert.Single(await AskAllAsync(question));

    private async Task<List<ServerReflectionResponse>> AskAllAsync(params ServerReflectionRequest[] questions)
    {
        using var call = new ServerReflection.ServerReflectionClient(_service.Channel).ServerReflectionInfo();
        foreach (var question in questions)
        {
            await call.RequestStream.WriteAsync(question);
        }

        await call.RequestStream.CompleteAsync();
        return await call.ResponseStream.ReadAllAsync().ToListAsync();
    }
}
