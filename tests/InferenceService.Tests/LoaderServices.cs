using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Engine;
using Rudder.Engine.Registry;

namespace Rudder.InferenceService.Tests;

/// <summary>Gives a service models that a test makes.</summary>
internal static class LoaderServices
{
    /// <summary>Replaces the engine by one whose models come from a loader.</summary>
    public static IServiceCollection AddLoader(this IServiceCollection services, IModelLoader loader) => services.AddSingleton(provider => new EngineHost(
        loader,
        provider.GetRequiredService<EngineOptions>(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILogger<EngineHost>>()));
}
