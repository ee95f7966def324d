using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using static System.FormattableString;

namespace Rudder.Client.Files;

/// <summary>
/// A JSON-lines file written group by group (all lines of one prompt) in a fixed order. It survives <c>kill -9</c> and notices damage.
/// The work goes to <c>FILE.partial</c>, guarded by <c>FILE.settings.json</c> and <c>FILE.sums</c>, and takes its name when it is complete.
/// </summary>
/// <remarks>
/// FILE.sums holds one line for each group: the length of FILE.partial after it, and a running SHA-256 over everything before. A group
/// counts once its sum is written; what follows the last sum is cut off and written again. A group may have no lines.
/// </remarks>
internal sealed class GroupFile : IDisposable
{
    private const string Start = "";
    private readonly string _path;
    private readonly FileStream? _partial;
    private readonly FileStream? _sums;
    private string _running = Start;

    private GroupFile(string path, int groups)
    {
        _path = path;
        NextGroup = groups;
    }

    private GroupFile(string path, FileStream partial, FileStream sums)
    {
        (_path, _partial, _sums) = (path, partial, sums);
        Continue();
    }

    /// <summary>Index of the first group that is still to be written; the group count where the file is complete.</summary>
    public int NextGroup { get; private set; }

    /// <summary>Name of the unfinished file.</summary>
    public static string PartialPath(string path) => path + ".partial";

    /// <summary>Name of the file with the running checksums, which goes with the unfinished file.</summary>
    public static string SumsPath(string path) => path + ".sums";

    /// <summary>Name of the sidecar that records the settings the file was made with.</summary>
    public static string SettingsPath(string path) => path + ".settings.json";

    /// <summary>Starts or continues the file, or finds it complete.</summary>
    /// <param name="path">Final name.</param>
    /// <param name="settings">Everything the lines depend on, the order of the groups included.</param>
    /// <param name="groups">Number of groups.</param>
    /// <exception cref="BadInputException">Other settings, a damaged file, or a file that another program holds.</exception>
    public static GroupFile Open(string path, JsonObject settings, int groups)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        bool finished = File.Exists(path);
        if (finished || File.Exists(PartialPath(path)))
        {
            RequireSame(finished ? path : PartialPath(path), SettingsPath(path), settings);
        }
        else
        {
            AtomicFile.WriteText(SettingsPath(path), StrictJson.Format(settings));
        }

        if (finished)
        {
            return new GroupFile(path, groups);
        }

        bool hasSums = File.Exists(SumsPath(path));
        FileStream partial = Hold(PartialPath(path));
        FileStream? sums = null;
        try
        {
            if (!hasSums && partial.Length > 0)
            {
                throw new BadInputException(
                    $"{SumsPath(path)} is missing, so the lines of {PartialPath(path)} cannot be checked. Restore it, or delete {PartialPath(path)} to start again.");
            }

            sums = Hold(SumsPath(path));
            return new GroupFile(path, partial, sums);
        }
        catch
        {
            sums?.Dispose();
            partial.Dispose();
            throw;
        }
    }

    /// <summary>Adds the lines of the next group.</summary>
    public void Append(IEnumerable<string> lines)
    {
        if (_partial is null)
        {
            throw new InvalidOperationException($"{_path} is complete.");
        }

        byte[] bytes = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + '\n')));
        _partial.Write(bytes);
        _partial.Flush();
        _running = Next(_running, bytes);
        _sums!.Write(Encoding.ASCII.GetBytes(Invariant($"{_partial.Length} {_running}\n")));
        _sums.Flush();
        NextGroup++;
    }

    /// <summary>Flushes to the disk and gives the file its name.</summary>
    public void Complete()
    {
        if (_partial is null)
        {
            return;
        }

        _partial.Flush(flushToDisk: true);
        Dispose();
        File.Move(PartialPath(_path), _path);
        File.Delete(SumsPath(_path));
    }

    public void Dispose()
    {
        _partial?.Dispose();
        _sums?.Dispose();
    }

    /// <summary>Refuses to continue a file that was begun with other settings, and names what differs.</summary>
    private static void RequireSame(string file, string sidecar, JsonObject settings)
    {
        if (!File.Exists(sidecar))
        {
            throw new BadInputException(
                $"{file} exists without {sidecar}, so how it was made is unknown. Move it away or choose another output.");
        }

        IReadOnlyList<string> differences = JsonDifferences.Of(StrictJson.Read<JsonObject>(sidecar), settings);
        if (differences.Count > 0)
        {
            throw new BadInputException(
                $"{file} was made with other settings: {string.Join("; ", differences)}. Use the same settings, delete {file} and {sidecar} to start again, or choose another output.");
        }
    }

    /// <summary>Checks every group against its sum and cuts off what has none.</summary>
    private void Continue()
    {
        long end = 0;
        long kept = 0; // bytes of FILE.sums
        int line = 1;
        foreach (string record in Records())
        {
            string[] words = record.Split(' ');
            if (words.Length != 2 || !long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out long next) || next < end)
            {
                throw Damaged($"{SumsPath(_path)}, line {NextGroup + 1} is not a checksum");
            }

            if (next > _partial!.Length)
            {
                break; // the lines of this group did not reach the disk
            }

            byte[] bytes = new byte[next - end];
            _partial.ReadExactly(bytes);
            _running = Next(_running, bytes);
            if (_running != words[1])
            {
                throw Damaged(
                    $"{PartialPath(_path)}, line {line}: prompt {NextGroup + 1} differs from its checksum; its lines were changed or removed"
                );
            }

            line += bytes.Count(value => value == '\n');
            (end, kept) = (next, kept + record.Length + 1);
            NextGroup++;
        }

        _partial!.SetLength(end);
        _partial.Position = end;
        _sums!.SetLength(kept);
        _sums.Position = kept;
    }

    /// <summary>The lines of FILE.sums that end with a newline.</summary>
    private string[] Records()
    {
        using StreamReader reader = new(_sums!, Encoding.Latin1, leaveOpen: true);
        return reader.ReadToEnd().Split('\n')[..^1];
    }

    private BadInputException Damaged(string what) =>
        new($"{what}. Delete {PartialPath(_path)} and {SumsPath(_path)} to start again, or choose another output.");

    private static string Next(string before, byte[] bytes) =>
        Convert.ToHexStringLower(SHA256.HashData([.. Encoding.ASCII.GetBytes(before), .. bytes]));

    private static FileStream Hold(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException busy) when (SharingViolation.Is(busy))
        {
            throw new BadInputException($"{path} is in use by another program; wait for it or choose another output.", busy);
        }
    }
}
