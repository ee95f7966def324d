using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>Identifies a model by its content: SHA-256 over weights, config and tokenizer.</summary>
public static class Fingerprint
{
    /// <summary>Computes the fingerprint of a model folder. Ignores cards, generation settings and graphs.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="cancellation">Cancels the hashing, which takes long for a large folder.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">No config or no weights.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    public static string OfFolder(string folder, CancellationToken cancellation = default) => Of(folder, Files(folder), cancellation);

    /// <summary>Computes the fingerprint of the tokenizer in a folder: SHA-256 over its files.</summary>
    /// <param name="folder">A model folder, or one that holds a tokenizer only.</param>
    /// <returns>64 lower-case hexadecimal digits; the hash of zero bytes if the folder has no tokenizer.</returns>
    public static string OfTokenizer(string folder) => Of(folder, TokenizerFiles(folder).Order(StringComparer.Ordinal), CancellationToken.None);

    private static string Of(string folder, IEnumerable<string> names, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in names)
        {
            Append(hash, folder, name, cancellation);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static IEnumerable<string> TokenizerFiles(string folder) => ModelFiles.Tokenizer.Where(name => File.Exists(Path.Combine(folder, name)));

    private static IEnumerable<string> Files(string folder)
    {
        string weights = ModelFiles.Weights.FirstOrDefault(name => File.Exists(Path.Combine(folder, name)))
            ?? throw new CheckpointException($"{folder}: holds no weights; looked for {string.Join(", ", ModelFiles.Weights)}. Check the path.");
        string[] shards = weights.EndsWith(".index.json", StringComparison.Ordinal) ? [.. ShardIndex.FileNames(Path.Combine(folder, weights))] : [];
        return new[] { ModelFiles.Config, weights }
            .Concat(shards)
            .Concat(TokenizerFiles(folder))
            .Order(StringComparer.Ordinal);
    }

    private static void Append(IncrementalHash hash, string folder, string name, CancellationToken cancellation)
    {
        using var handle = SafetensorsFile.OpenHandle(Path.Combine(folder, name));
        using var stream = new FileStream(handle, FileAccess.Read, 0);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, stream.Length);
        hash.AppendData(Encoding.UTF8.GetBytes(name + "\0"));
        hash.AppendData(length); // the length prefix separates this file from the next
        var buffer = new byte[1 << 17];
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }
    }
}
