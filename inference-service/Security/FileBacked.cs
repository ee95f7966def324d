using System.Security.Cryptography;

namespace Rudder.InferenceService.Security;

/// <summary>A value parsed from files. Valid new content replaces it; missing, partial or invalid content keeps the old value.</summary>
/// <typeparam name="T">The value.</typeparam>
internal sealed class FileBacked<T>
    where T : class
{
    // Certificates and key lists are small. The limit keeps a wrong path from filling memory.
    private const int MaxBytes = 4 << 20;

    private readonly IReadOnlyList<string> _paths;
    private readonly Func<IReadOnlyList<byte[]>, DateTimeOffset, T> _parse;
    private string _seen;
    private bool _faulty;
    private volatile T _current;

    /// <summary>Reads the files.</summary>
    /// <param name="paths">The files, in the order that <paramref name="parse"/> expects.</param>
    /// <param name="parse">Parses the files' bytes; throws <see cref="SecurityFileException"/> if it cannot.</param>
    /// <param name="now">The time, for expiry.</param>
    /// <exception cref="SecurityFileException">A file cannot be read or parsed.</exception>
    public FileBacked(IEnumerable<string> paths, Func<IReadOnlyList<byte[]>, DateTimeOffset, T> parse, DateTimeOffset now)
    {
        _paths = [.. paths.Select(Path.GetFullPath)];
        _parse = parse;
        var content = Read();
        _current = Parsed(content, now);
        _seen = IdOf(content);
    }

    /// <summary>The value now. Read it once per use: it can change between two reads.</summary>
    public T Current => _current;

    /// <summary>Reads the files again. Not thread-safe.</summary>
    /// <remarks>Parses invalid content again each time: a certificate can become valid without a change to its file.</remarks>
    /// <param name="now">The time.</param>
    /// <param name="fault">Why the changed files are not used, reported once per change; otherwise null.</param>
    /// <returns>Whether the value changed.</returns>
    public bool Reload(DateTimeOffset now, out string? fault)
    {
        fault = null;
        string? seen = null;
        try
        {
            var content = Read();
            seen = IdOf(content);
            if (!_faulty && seen == _seen)
            {
                return false;
            }

            _current = Parsed(content, now);
            (_seen, _faulty) = (seen, false);
            return true;
        }
        catch (SecurityFileException e)
        {
            // Unreadable files have no content, so the fault is compared instead.
            string failed = seen ?? e.Message;
            fault = failed == _seen ? null : e.Message;
            (_seen, _faulty) = (failed, true);
            return false;
        }
    }

    private T Parsed(byte[][] content, DateTimeOffset now)
    {
        try
        {
            return _parse(content, now);
        }
        catch (CryptographicException e)
        {
            throw new SecurityFileException($"{string.Join(", ", _paths)} cannot be used: {e.Message}", e);
        }
    }

    private byte[][] Read() => [.. _paths.Select(ReadOne)];

    private static byte[] ReadOne(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Length <= MaxBytes
                ? File.ReadAllBytes(path)
                : throw new SecurityFileException($"{path} has {file.Length:N0} bytes; the limit is {MaxBytes:N0}. Check the path.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SecurityFileException($"{path} cannot be read: {e.Message} Check the path and who may read it.", e);
        }
    }

    private static string IdOf(IEnumerable<byte[]> content) => string.Join(' ', content.Select(bytes => Convert.ToHexString(SHA256.HashData(bytes))));
}

/// <summary>A certificate, key or keys file is unusable. The message gives the file and the remedy, never its content.</summary>
internal sealed class SecurityFileException(string message, Exception? inner = null) : Exception(message, inner);
