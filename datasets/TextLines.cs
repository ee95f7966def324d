using System.Text;
using ICSharpCode.SharpZipLib;
using ZstdSharp;

namespace Rudder.Datasets;

/// <summary>
/// Reads UTF-8 files, with or without a byte order mark. A <c>.gz</c> file is unpacked; it may have several members (RFC 1952). So is a
/// <c>.zst</c> file with its frames.
/// </summary>
internal static class TextLines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether the ending names a packed file.</summary>
    public static bool IsPacked(string path) => IsGZip(path) || IsZstandard(path);

    /// <summary>Number (from 1) and text of each line that is not blank. Lines end with \n, \r\n or \r; U+2028 is a character like others.</summary>
    public static IEnumerable<(int Number, string Line)> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using StreamReader reader = Open(path);
        for (int number = 1; ; number++)
        {
            string? line = Guard(path, number, reader.ReadLine);
            if (line is null)
            {
                yield break;
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return (number, line);
            }
        }
    }

    /// <summary>The whole text, every character of it.</summary>
    public static string ReadAll(string path)
    {
        using StreamReader reader = Open(path);
        return Guard(path, 1, reader.ReadToEnd);
    }

    /// <summary>A reader behind the byte order mark.</summary>
    public static StreamReader Open(string path)
    {
        Stream file = OpenFile(path);
        Stream content = IsGZip(path) ? new GZipMembers((FileStream)file)
            : IsZstandard(path) ? new DecompressionStream(file, leaveOpen: false)
            : file;
        var reader = new StreamReader(content, Strict, detectEncodingFromByteOrderMarks: false, 1 << 16);
        if (Guard(path, 1, reader.Peek) == '\uFEFF')
        {
            reader.Read();
        }

        return reader;
    }

    /// <summary>The file's bytes.</summary>
    public static Stream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException($"{path}: cannot be opened ({e.Message}). Check the path.", e);
        }
    }

    /// <summary>Reads a part of a file, and names file and line where that fails.</summary>
    public static T Guard<T>(string path, int line, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DecoderFallbackException e)
        {
            throw new DatasetException($"{path}:{line}: at or shortly after this line are bytes that are not UTF-8. Save the file as UTF-8.", e);
        }
        catch (Exception e) when (e is SharpZipBaseException or ZstdException or IOException)
        {
            throw new DatasetException($"{path}:{line}: reading stopped ({e.Message}). The file is damaged or truncated; fetch it again.", e);
        }
    }

    private static bool IsGZip(string path) => path.EndsWith(".gz", StringComparison.Ordinal);

    private static bool IsZstandard(string path) => path.EndsWith(".zst", StringComparison.Ordinal);
}
