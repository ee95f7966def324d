using System.Text;
using ICSharpCode.SharpZipLib;

namespace Rudder.Datasets;

/// <summary>Streams the lines of a UTF-8 file and skips empty ones. A <c>.gz</c> file is unpacked; it may have several members (RFC 1952).</summary>
internal static class TextLines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Number (from 1) and text of each line that is not blank.</summary>
    public static IEnumerable<(int Number, string Line)> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var reader = Open(path);
        for (int number = 1; ; number++)
        {
            string? line = Next(reader, path, number);
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

    private static StreamReader Open(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
            return new StreamReader(path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipMembers(file) : file, Strict, detectEncodingFromByteOrderMarks: false, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException($"{path}: cannot be opened ({e.Message}). Check the path.", e);
        }
    }

    private static string? Next(StreamReader reader, string path, int number)
    {
        try
        {
            string? line = reader.ReadLine();
            return number == 1 && line is { Length: > 0 } && line[0] == '\uFEFF' ? line[1..] : line;
        }
        catch (DecoderFallbackException e)
        {
            throw new DatasetException($"{path}:{number}: at or shortly after this line are bytes that are not UTF-8. Save the file as UTF-8.", e);
        }
        catch (Exception e) when (e is SharpZipBaseException or IOException)
        {
            throw new DatasetException($"{path}:{number}: reading stopped ({e.Message}). The file is damaged or truncated; fetch it again.", e);
        }
    }
}
