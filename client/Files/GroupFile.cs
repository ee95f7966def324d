using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rudder.Client.Files;

/// <summary>
/// A JSON-lines file written group by group (all lines of one prompt) in a fixed order that survives <c>kill -9</c>.
/// The work goes to <c>FILE.partial</c>, guarded by <c>FILE.settings.json</c>, and takes its name when it is complete.
/// </summary>
/// <remarks>
/// A reopened file is cut back to the start of the last group found in it: that group may be incomplete, and as every
/// group is a function of the settings alone, writing it again gives the same lines. A group may have no lines.
/// </remarks>
internal sealed class GroupFile : IDisposable
{
    private readonly string path;
    private FileStream? partial;

    private GroupFile(string path, FileStream? partial, int nextGroup)
    {
        this.path = path;
        this.partial = partial;
        NextGroup = nextGroup;
    }

    /// <summary>Index of the first group that is still to be written; the group count where the file is complete.</summary>
    public int NextGroup { get; private set; }

    /// <summary>Name of the unfinished file.</summary>
    public static string PartialPath(string path) => path + ".partial";

    /// <summary>Name of the sidecar that says with which settings the file was made.</summary>
    public static string SettingsPath(string path) => path + ".settings.json";

    /// <summary>Starts, continues or finds finished the file.</summary>
    /// <param name="path">Final name.</param>
    /// <param name="settings">All that the lines depend on; another value refuses to continue.</param>
    /// <param name="groups">Group ids in the order of writing, distinct.</param>
    /// <param name="groupKey">Key of a line's group id.</param>
    public static GroupFile Open(string path, JsonObject settings, IReadOnlyList<string> groups, string groupKey = "prompt_id")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        bool finished = File.Exists(path);
        if (finished || File.Exists(PartialPath(path)))
        {
            SettingsGuard.RequireSame(finished ? path : PartialPath(path), SettingsPath(path), settings);
        }
        else
        {
            AtomicFile.WriteText(SettingsPath(path), StrictJson.Format(settings));
        }

        return finished ? new GroupFile(path, null, groups.Count) : Continue(path, groups, groupKey);
    }

    /// <summary>Adds the lines of the next group.</summary>
    public void Append(IEnumerable<string> lines)
    {
        FileStream file = partial ?? throw new InvalidOperationException($"{path} is complete.");
        StringBuilder text = new();
        foreach (string line in lines)
        {
            text.Append(line).Append('\n');
        }

        file.Write(Encoding.UTF8.GetBytes(text.ToString()));
        file.Flush();
        NextGroup++;
    }

    /// <summary>Flushes to the disk and gives the file its name.</summary>
    public void Complete()
    {
        if (partial is null)
        {
            return;
        }

        partial.Flush(flushToDisk: true);
        partial.Dispose();
        partial = null;
        File.Move(PartialPath(path), path);
    }

    /// <inheritdoc/>
    public void Dispose() => partial?.Dispose();

    private static GroupFile Continue(string path, IReadOnlyList<string> groups, string groupKey)
    {
        FileStream file;
        try
        {
            file = new(PartialPath(path), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException busy) when (SharingViolation.Is(busy))
        {
            throw new InputException($"{PartialPath(path)} is in use by another program; wait for it or choose another output.", busy);
        }

        try
        {
            (long keep, int next) = FindEnd(file, PartialPath(path), groups, groupKey);
            file.SetLength(keep);
            file.Seek(0, SeekOrigin.End);
            return new GroupFile(path, file, next);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Where the last group begins, and its index. Reading stops at the first line that is not whole.</summary>
    private static (long Keep, int Next) FindEnd(FileStream file, string name, IReadOnlyList<string> groups, string groupKey)
    {
        Dictionary<string, int> order = groups.Select((id, index) => (id, index)).ToDictionary(g => g.id, g => g.index);
        long keep = 0;
        int last = -1;
        foreach ((long start, ReadOnlyMemory<byte> line) in CompleteLines.Of(file))
        {
            if (GroupOf(line, groupKey) is not { } id)
            {
                break;
            }

            if (!order.TryGetValue(id, out int index) || index < last)
            {
                throw new InputException(
                    $"{name}, byte {start}: '{id}' is not among this run's prompts in order. The file is not this run's; move it away or choose another output."
                );
            }

            (keep, last) = index == last ? (keep, last) : (start, index);
        }

        return (keep, Math.Max(last, 0));
    }

    private static string? GroupOf(ReadOnlyMemory<byte> line, string groupKey)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty(groupKey, out JsonElement id)
                && id.ValueKind == JsonValueKind.String
                ? id.GetString()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
