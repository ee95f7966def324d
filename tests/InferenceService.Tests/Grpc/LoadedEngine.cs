using Rudder.Checkpoints;
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
        Name = source.Name,
        Source = new ModelSource(source.Name, "/", EngineKind.Slots, GraphPrecision.Fp32),
        Fingerprint = Engine.Info.Fingerprint,
        Vocabulary = Engine.Info.Vocabulary,
        Context = Engine.Info.Context,
        Generator = Engine,
    });
}
