using System.IO.Compression;
using System.Text;
using Google.Protobuf;
using Rudder.Preference.V1;

namespace Rudder.Datasets;

/// <summary>Reads and writes preference pairs: one <c>preference.v1.PreferencePair</c> a line, as JSON with the proto's field names.</summary>
public static class PreferencePairs
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true).WithFormatDefaultValues(true));
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Streams the pairs of a file.</summary>
    /// <param name="path">A .jsonl or .jsonl.gz file.</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed line, an unknown field, or a pair without both completions.</exception>
    public static IEnumerable<PreferencePair> Read(string path) => ReadNumbered(path).Select(row => row.Pair);

    /// <summary>Streams the pairs of a file with the number of the line each stands on, for messages about it.</summary>
    /// <inheritdoc cref="Read"/>
    public static IEnumerable<(int Line, PreferencePair Pair)> ReadNumbered(string path)
    {
        foreach (var (number, line) in TextLines.Read(path))
        {
            yield return (number, Parse($"{path}:{number}", line));
        }
    }

    /// <summary>One pair as a line, without its end.</summary>
    /// <param name="pair">The pair.</param>
    public static string Format(PreferencePair pair) => Formatter.Format(pair);

    /// <summary>Writes a whole file: under a temporary name, flushed, renamed.</summary>
    /// <param name="path">The target; packed where it ends in .gz. Its folder is made where it is missing.</param>
    /// <param name="pairs">The pairs.</param>
    public static void Write(string path, IEnumerable<PreferencePair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        string temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                if (path.EndsWith(".gz", StringComparison.Ordinal))
                {
                    using var packed = new GZipStream(file, CompressionLevel.SmallestSize, leaveOpen: true);
                    WriteLines(packed, pairs);
                }
                else
                {
                    WriteLines(file, pairs);
                }

                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Adds pairs to the end of a file and puts them on the disk before it returns.</summary>
    /// <param name="path">A file that is not packed; made, with its folder, where it is missing.</param>
    /// <param name="pairs">The pairs.</param>
    /// <exception cref="DatasetException">A packed file, or one whose last line is not whole (see <see cref="CutPartialLine"/>).</exception>
    public static void Append(string path, IEnumerable<PreferencePair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (path.EndsWith(".gz", StringComparison.Ordinal))
        {
            throw new DatasetException($"{path}: pairs are not added to a packed file. Unpack it, or write it as a whole.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (file.Length > 0 && LastByte(file) != '\n')
        {
            throw new DatasetException($"{path}: its last line is not whole; a writer was stopped in it. Cut it off before adding to the file.");
        }

        file.Position = file.Length;
        using var lines = new MemoryStream();
        WriteLines(lines, pairs);
        lines.WriteTo(file); // whole lines in one go
        file.Flush(flushToDisk: true);
    }

    /// <summary>Cuts off a last line that a stopped writer left without its end.</summary>
    /// <param name="path">A file that is not packed.</param>
    /// <returns>How many bytes were cut; 0 where the file is whole or absent.</returns>
    public static long CutPartialLine(string path)
    {
        if (!File.Exists(path))
        {
            return 0;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        long end = file.Length, whole = end;
        while (whole > 0)
        {
            file.Position = whole - 1;
            if (file.ReadByte() == '\n')
            {
                break;
            }

            whole--;
        }

        file.SetLength(whole);
        file.Flush(flushToDisk: true);
        return end - whole;
    }

    private static PreferencePair Parse(string place, string line)
    {
        PreferencePair pair;
        try
        {
            pair = Parser.Parse<PreferencePair>(line);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw new DatasetException($"{place}: is no preference.v1.PreferencePair ({e.Message}).", e);
        }

        if (pair.PromptIds.Count == 0 && pair.Prompt.Length == 0)
        {
            throw new DatasetException($"{place}: has neither prompt nor prompt_ids.");
        }

        Check(place, "chosen", pair.Chosen);
        Check(place, "rejected", pair.Rejected);
        return pair;
    }

    private static void Check(string place, string field, Scored? completion)
    {
        if (completion is null || (completion.Ids.Count == 0 && completion.Text.Length == 0))
        {
            throw new DatasetException($"{place}: field '{field}' {(completion is null ? "is missing" : "has neither ids nor text")}; a pair has two completions.");
        }

        if (!double.IsFinite(completion.Score) || !double.IsFinite(completion.SumLogProb))
        {
            throw new DatasetException($"{place}: field '{field}' has score {completion.Score} and sum_log_prob {completion.SumLogProb}; both must be finite.");
        }
    }

    private static int LastByte(FileStream file)
    {
        file.Position = file.Length - 1;
        return file.ReadByte();
    }

    private static void WriteLines(Stream stream, IEnumerable<PreferencePair> pairs)
    {
        foreach (var pair in pairs)
        {
            stream.Write(Utf8.GetBytes(Format(pair) + "\n"));
        }
    }
}
