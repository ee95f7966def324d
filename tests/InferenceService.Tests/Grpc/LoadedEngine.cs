using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Registry;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Provides one model with a real engine and the test's decoder.</summary>
internal sealed class LoadedEngine(IDecoder decoder, EngineOptions? options = null) : IModelLoader
{
    /// <summary>The engine.</summary>
    public SlotEngine Engine { get; } = new(decoder, options ?? new EngineOptions());

    public Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation) => Task.FromResult(new LoadedModel
    {
        Description = new ModelDescription(
            source.Name, new ModelSource(source.Name, "/"), Engine.Info.Fingerprint, Engine.Info.Vocabulary, Engine.Info.Context) { Slots = Engine.Info.Slots },
        Generator = Engine,
    });
}
