namespace Rudder.Engine.Registry;

/// <summary>Makes warm models out of folders.</summary>
internal interface IModelLoader
{
    /// <summary>Loads and warms a model.</summary>
    Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation);
}
