namespace Rudder.Engine.Registry;

/// <summary>Makes warm models out of folders.</summary>
internal interface IModelLoader
{
    Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation);
}
