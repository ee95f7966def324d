namespace Rudder.Client.Processes;

/// <summary>Finds the trainer and the inference service, which the client starts.</summary>
/// <param name="Project">Folder of its build output under artifacts/bin, e.g. Trainer.</param>
/// <param name="Name">Command name, e.g. trainer.</param>
/// <param name="Option">The option that names its executable.</param>
internal sealed record SiblingProgram(string Project, string Name, string Option)
{
    /// <summary>The trainer.</summary>
    public static SiblingProgram Trainer { get; } = new("Trainer", "trainer", "--trainer");

    /// <summary>The inference service.</summary>
    public static SiblingProgram Service { get; } = new("InferenceService", "inference-service", "--service-program");

    private string File => OperatingSystem.IsWindows() ? Name + ".exe" : Name;

    /// <summary>
    /// The executable that <paramref name="chosen"/> names; otherwise the first of: beside the client, in the build output of the
    /// client's own configuration, on PATH (where dotnet tools are).
    /// </summary>
    /// <param name="chosen">Path given by the user; null searches.</param>
    /// <param name="client">Folder of the client's files; null is where it runs from.</param>
    /// <param name="path">Value of PATH; null is the environment's.</param>
    /// <exception cref="BadInputException">There is none; the message lists the places.</exception>
    public string Find(string? chosen, string? client = null, string? path = null)
    {
        if (chosen is not null)
        {
            return System.IO.File.Exists(chosen)
                ? Path.GetFullPath(chosen)
                : throw new BadInputException($"{Option} is '{chosen}', which does not exist.");
        }

        string here = Path.TrimEndingDirectorySeparator(client ?? AppContext.BaseDirectory);
        string beside = Path.Combine(here, File);
        string built = Path.GetFullPath(Path.Combine(here, "..", "..", Project, Path.GetFileName(here), File));
        IEnumerable<string> onPath = (path ?? Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, File));
        return ((IEnumerable<string>)[beside, built, .. onPath]).FirstOrDefault(System.IO.File.Exists)
            ?? throw new BadInputException(
                $"The program '{Name}' was not found at {beside}, at {built} or on PATH. Build the solution (dotnet build), install it (dotnet tool install), or name it with {Option} PATH."
            );
    }
}
