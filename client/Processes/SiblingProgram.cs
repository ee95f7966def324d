namespace Rudder.Client.Processes;

/// <summary>Finds the other programs of this solution beside this one.</summary>
internal static class SiblingProgram
{
    /// <summary>Executable of a project built in the same configuration, or the one named on the command line.</summary>
    /// <param name="project">Folder under artifacts/bin, e.g. Trainer.</param>
    /// <param name="name">File name, e.g. trainer.</param>
    /// <param name="chosen">Path given by the user; null looks beside this program.</param>
    /// <param name="option">The option that takes such a path, for the error.</param>
    public static string Find(string project, string name, string? chosen, string option)
    {
        if (chosen is not null)
        {
            return File.Exists(chosen)
                ? Path.GetFullPath(chosen)
                : throw new InputException($"{option} is '{chosen}', which does not exist.");
        }

        string here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string file = OperatingSystem.IsWindows() ? name + ".exe" : name;
        string beside = Path.GetFullPath(Path.Combine(here, "..", "..", project, Path.GetFileName(here), file));
        string published = Path.Combine(here, file);
        return File.Exists(beside) ? beside
            : File.Exists(published) ? published
            : throw new InputException(
                $"The program '{name}' is neither at {beside} nor beside this one. Build the solution, or name it with {option} PATH."
            );
    }
}
