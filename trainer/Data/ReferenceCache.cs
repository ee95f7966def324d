using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Trainer.Data;

/// <summary>Caches a reference's log-probs on disk, so that a sweep over β computes them once.</summary>
/// <remarks>
/// One file per (reference fingerprint, sequence hash), named by both. Layout: magic, the key as 32 bytes, the number of
/// values, the values as little-endian float32, SHA-256 over all that. Writing is atomic. A file that fails its check is never used.
/// </remarks>
internal sealed class ReferenceCache
{
    private const int KeyBytes = SHA256.HashSizeInBytes;
    private const int HeaderBytes = 8 + KeyBytes + sizeof(int);
    private static readonly byte[] Magic = Encoding.ASCII.GetBytes("RDRREF01");
    private readonly byte[] _key;

    /// <summary>Names the cache file of a reference and a list of sequences.</summary>
    /// <param name="folder">Folder of the cache; made when the first file is written.</param>
    /// <param name="fingerprint">The reference folder's fingerprint.</param>
    /// <param name="sequenceHash">Hash over every prompt and completion in order.</param>
    public ReferenceCache(string folder, string fingerprint, string sequenceHash)
    {
        _key = SHA256.HashData(Encoding.UTF8.GetBytes($"{fingerprint}\n{sequenceHash}"));
        File = Path.Combine(folder, $"reference-{Convert.ToHexStringLower(_key)[..24]}.logps");
    }

    /// <summary>Path of the cache file.</summary>
    public string File { get; }

    /// <summary>Reads the log-probs if a valid file exists.</summary>
    /// <param name="count">Number of values expected.</param>
    /// <param name="problem">Why an existing file is not used; null if there is none or it is valid.</param>
    /// <returns>Nats, one per sequence; null if they must be computed.</returns>
    public float[]? TryRead(int count, out string? problem)
    {
        problem = null;
        if (!System.IO.File.Exists(File))
        {
            return null;
        }

        byte[] bytes = System.IO.File.ReadAllBytes(File);
        problem = FindProblem(bytes, count);
        if (problem is not null)
        {
            problem = $"{File} is not used: {problem}. The reference log-probs are computed again and the file is replaced.";
            return null;
        }

        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(HeaderBytes + (i * sizeof(float))));
        }

        return values;
    }

    /// <summary>Writes the log-probs. Replaces an older file atomically.</summary>
    /// <param name="values">Nats, one per sequence, all finite.</param>
    public void Write(float[] values)
    {
        byte[] body = new byte[HeaderBytes + (values.Length * sizeof(float))];
        Magic.CopyTo(body, 0);
        _key.CopyTo(body, Magic.Length);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(Magic.Length + KeyBytes), values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(body.AsSpan(HeaderBytes + (i * sizeof(float))), values[i]);
        }

        AtomicFile.Write(File, stream =>
        {
            stream.Write(body);
            stream.Write(SHA256.HashData(body));
        });
    }

    private string? FindProblem(byte[] bytes, int count)
    {
        int expected = HeaderBytes + (count * sizeof(float)) + SHA256.HashSizeInBytes;
        if (bytes.Length != expected)
        {
            return string.Create(CultureInfo.InvariantCulture, $"it has {bytes.Length} bytes where {count} values take {expected}");
        }

        if (!bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic) || !bytes.AsSpan(Magic.Length, KeyBytes).SequenceEqual(_key))
        {
            return "it belongs to another reference or other pairs";
        }

        ReadOnlySpan<byte> body = bytes.AsSpan(0, bytes.Length - SHA256.HashSizeInBytes);
        return SHA256.HashData(body).AsSpan().SequenceEqual(bytes.AsSpan(body.Length)) ? null : "its checksum does not match its content";
    }
}
