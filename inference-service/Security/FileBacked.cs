using System.Security.Cryptography;
using System.Text;

namespace Rudder.InferenceService.Security;

/// <summary>A value parsed from files. New content replaces it as a whole; missing, half-written or faulty content leaves the last good value in force.</summary>
/// <typeparam name="T">The value.</typeparam>
internal sealed class FileBacked<T>
    where T : class
{
    // Certificates and key lists are small; a wrong path must not fill the memory.
    private const int MaxBytes = 4 << 20;

    private readonly IReadOnlyList<string> _paths;
    private readonly Func<IReadOnlyList<byte[]>, DateTimeOffset, T> _parse;
    private byte[] _seen;
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
        _seen = HashOf(content);
    }

    /// <summary>The value now. Read it once per use: it can change between two reads.</summary>
    public T Current => _current;

    /// <summary>Reads the files again. Not thread-safe.</summary>
    /// <remarks>Faulty content is parsed again each time: a certificate can become valid without a change of its file.</remarks>
    /// <param name="now">The time.</param>
    /// <param name="fault">Why changed files are not used, once for each change; else null.</param>
    /// <returns>Whether the value changed.</returns>
    public bool Reload(DateTimeOffset now, out string? fault)
    {
        fault = null;
        byte[]? seen = null;
        try
        {
            var content = Read();
            seen = HashOf(content);
            if (!_faulty && seen.AsSpan().SequenceEqual(_seen))
            {
                return false;
            }

            _current = Parsed(content, now);
            (_seen, _faulty) = (seen, false);
            return true;
        }
        catch (SecurityFileException e)
        {
            // Unreadable files have no content to compare; their fault stands for it.
            byte[] failed = seen ?? HashOf([Encoding.UTF8.GetBytes(e.Message)]);
            fault = failed.AsSpan().SequenceEqual(_seen) ? null : e.Message;
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

    private static byte[] HashOf(IEnumerable<byte[]> content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] bytes in content)
        {
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}

/// <summary>A certificate, key or keys file that cannot be used; the message names the file and the remedy, never its content.</summary>
internal sealed class SecurityFileException(string message, Exception? inner = null) : Exception(message, inner);
