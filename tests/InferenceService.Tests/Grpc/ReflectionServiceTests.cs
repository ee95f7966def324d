using Grpc.Core;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Hosting;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class ReflectionServiceTests
{
    [Fact]
    public async Task ListServices_InDevelopment_NamesThemAll()
    {
        await using var service = await RunningService.StartAsync(services =>
        {
            foreach (var part in services.Where(part => !part.IsKeyedService))
            {
                if (part.ImplementationInstance is IWebHostEnvironment environment)
                {
                    environment.EnvironmentName = Environments.Development;
                }
            }
        });

        var names = await ListAsync(service);

        Assert.All(
            (string[])["grpc.health.v1.Health", "inference.v1.Models", "inference.v1.Sampling", "inference.v1.Scoring"],
            name => Assert.Contains(name, names));
    }

    [Fact]
    public async Task ListServices_OutsideDevelopment_IsUnimplemented()
    {
        await using var service = await RunningService.StartAsync();

        var fault = await Assert.ThrowsAsync<RpcException>(() => ListAsync(service));

        Assert.Equal(StatusCode.Unimplemented, fault.StatusCode);
    }

    private static async Task<List<string>> ListAsync(RunningService service)
    {
        using var call = new ServerReflection.ServerReflectionClient(service.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        await call.RequestStream.CompleteAsync();
        var answers = await call.ResponseStream.ReadAllAsync().ToListAsync();
        return [.. Assert.Single(answers).ListServicesResponse.Service.Select(service => service.Name)];
    }
}
