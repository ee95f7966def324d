namespace Rudder.Engine.Registry;

/// <summary>Loads model folders.</summary>
internal interface IModelLoader
{
    Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation);
}
