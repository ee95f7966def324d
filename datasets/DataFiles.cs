using Microsoft.Extensions.FileSystemGlobbing;
using Microsoft.Extensions.FileSystemGlobbing.Abstractions;

namespace Rudder.Datasets;

/// <summary>Finds the data files that paths and patterns name.</summary>
public static class DataFiles
{
    /// <summary>
    /// The files in the order of the patterns. A path is taken as it is, whether the file exists or not. A pattern has <c>*</c> for a part
    /// of a name, or <c>**</c> for folders; it gives its matches in ordinal order, without files that are named before.
    /// </summary>
    /// <param name="patterns">Paths and patterns, such as <c>data/*.parquet</c>, absolute or relative to the current folder.</param>
    /// <exception cref="DatasetException">A pattern matches no file.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        List<string> files = [];
        foreach (string pattern in patterns)
        {
            if (!pattern.Contains('*', StringComparison.Ordinal) || File.Exists(pattern))
            {
                files.Add(pattern);
                continue;
            }

            string[] found = [.. Matches(pattern)];
            if (found.Length == 0)
            {
                throw new DatasetException(
                    $"{pattern}: matches no file. Check the pattern; it is relative to {Directory.GetCurrentDirectory()}.");
            }

            files.AddRange(found.Except(files).ToList());
        }

        return files;
    }

    private static IEnumerable<string> Matches(string pattern)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        int folder = pattern.LastIndexOfAny([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], star) + 1; // it has no star
        var matcher = new Matcher(StringComparison.Ordinal);
        matcher.AddInclude(pattern[folder..]);
        var root = new DirectoryInfo(folder == 0 ? "." : pattern[..folder]);
        return root.Exists
            ? matcher.Execute(new DirectoryInfoWrapper(root)).Files.Select(file => pattern[..folder] + file.Path)
                .Order(StringComparer.Ordinal)
            : [];
    }
}
