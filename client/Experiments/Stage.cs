namespace Rudder.Client.Experiments;

/// <summary>A stage of a run.</summary>
/// <param name="Name">Name, which is also its folder.</param>
/// <param name="What">What it does, for people.</param>
/// <param name="After">Stages whose results it reads.</param>
/// <param name="Inputs">Files and model folders that the run itself does not make.</param>
/// <param name="RunAsync">Does its work, or keeps its result.</param>
internal sealed record Stage(
    string Name,
    string What,
    IReadOnlyList<string> After,
    IReadOnlyList<StageInput> Inputs,
    Func<CancellationToken, Task> RunAsync);

/// <summary>A file or model folder that a stage reads.</summary>
/// <param name="Path">Relative to the current folder.</param>
/// <param name="IsModel">Whether it is a model folder.</param>
/// <param name="Download">Command that fetches it; null where there is none.</param>
internal sealed record StageInput(string Path, bool IsModel = false, string? Download = null)
{
    /// <summary>Whether it is there.</summary>
    public bool Exists => IsModel ? File.Exists(System.IO.Path.Combine(Path, "config.json")) : System.IO.Path.Exists(Path);
}
