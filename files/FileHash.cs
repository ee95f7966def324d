using System.Security.Cryptography;

namespace Rudder.Files;

/// <summary>SHA-256 of a file's content.</summary>
public static class FileHash
{
    /// <summary>The hash of the whole file, 64 lower-case hexadecimal digits.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static string Sha256(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
