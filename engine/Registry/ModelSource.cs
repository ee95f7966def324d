using Rudder.Checkpoints;

namespace Rudder.Engine.Registry;

/// <summary>What to load under which name.</summary>
/// <param name="Name">Name that calls use.</param>
/// <param name="Folder">Model folder, absolute.</param>
/// <param name="Engine">What decodes a generator.</param>
/// <param name="Precision">Which graphs are loaded.</param>
internal sealed record ModelSource(string Name, string Folder, EngineKind Engine, GraphPrecision Precision)
{
    /// <summary>What a folder that a call named must lie in; null for a model of the settings, which may lie anywhere.</summary>
    public ModelFolders? Roots { get; init; }

    /// <summary>Refuses a folder that a call named if it has been replaced by a link, or one of its files by a link out of the roots, since its path was checked.</summary>
    /// <exception cref="ModelLoadException">The path leads elsewhere now.</exception>
    /// <exception cref="ModelPathException">It leads out of the roots, or nowhere.</exception>
    public void RequireInPlace()
    {
        if (Roots is not null && Now(Roots) != Folder)
        {
            throw new ModelLoadException($"{Folder} was replaced by a link while the model was being loaded. Load the model again by the path of the folder meant.");
        }
    }

    private string Now(ModelFolders roots)
    {
        try
        {
            return roots.Resolve(Folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{Folder} cannot be looked through: {e.Message} Load the model again once its folder is whole and readable.", e);
        }
    }
}
