using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>A model on a hub, as <c>ORG/NAME[@REVISION]</c>.</summary>
/// <example><code>
/// HubName name = HubName.Parse("Qwen/Qwen2.5-0.5B-Instruct@main");
/// </code></example>
public sealed partial record HubName
{
    private const int LongestRepository = 96; // the hub's own limit
    private const int LongestRevision = 200;

    private HubName(string repository, string revision) => (Repository, Revision) = (repository, revision);

    /// <summary><c>ORG/NAME</c>, or <c>NAME</c> for some old models.</summary>
    public string Repository { get; }

    /// <summary>A branch, a tag or a commit.</summary>
    /// <value>The default is main.</value>
    public string Revision { get; }

    /// <summary>Whether the revision is a full commit hash, which always means the same files.</summary>
    internal bool IsPinned => Hex40().IsMatch(Revision);

    /// <summary>Folder of this model in a download cache.</summary>
    internal string CacheFolder => $"models--{Repository.Replace("/", "--", StringComparison.Ordinal)}";

    /// <summary>Reads a name.</summary>
    /// <param name="text"><c>ORG/NAME[@REVISION]</c>.</param>
    /// <exception cref="CheckpointException">The text is not a name on a hub.</exception>
    public static HubName Parse(string text) => TryParse(text) ?? throw new CheckpointException(
        $"'{text}' is not a model's name on a hub. Write ORG/NAME or ORG/NAME@REVISION, with letters, digits, '-', '_' and '.'; "
        + $"ORG/NAME has at most {LongestRepository} characters.");

    /// <summary>Reads a name; null where the text cannot be one.</summary>
    /// <param name="text"><c>ORG/NAME[@REVISION]</c>.</param>
    public static HubName? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int at = text.IndexOf('@', StringComparison.Ordinal);
        string repository = at < 0 ? text : text[..at];
        string revision = at < 0 ? "main" : text[(at + 1)..];
        bool valid = repository.Length <= LongestRepository && RepositoryForm().IsMatch(repository)
            && !repository.Contains("..", StringComparison.Ordinal) && !repository.Contains("--", StringComparison.Ordinal)
            && revision.Length <= LongestRevision && revision.Split('/').All(IsRefPart);
        return valid ? new HubName(repository, revision) : null;
    }

    /// <summary>The name with its revision, as a user writes it.</summary>
    public override string ToString() => $"{Repository}@{Revision}";

    // A revision becomes a path below refs/, so the rules of git's ref names matter here: no empty part, no "..", no leading dot.
    private static bool IsRefPart(string part) =>
        RefPart().IsMatch(part) && !part.Contains("..", StringComparison.Ordinal) && !part.EndsWith(".lock", StringComparison.Ordinal);

    [GeneratedRegex(@"^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?/)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\z")]
    private static partial Regex RepositoryForm();

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9_.+-]*\z")]
    private static partial Regex RefPart();

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex Hex40();
}
