using System.Security.Cryptography;
using System.Text;

namespace Rudder.InferenceService.Security;

/// <summary>One API key.</summary>
/// <param name="Name">Its owner.</param>
/// <param name="Sha256">SHA-256 of the key, 32 bytes. The service never stores the key.</param>
/// <param name="Limits">Limits of its owner.</param>
/// <param name="Admin">Whether its owner may load and unload models.</param>
internal sealed record ApiKey(string Name, byte[] Sha256, CallerLimits Limits, bool Admin);

/// <summary>The API keys of the keys file.</summary>
/// <param name="keys">The keys.</param>
/// <remarks>A key has 256 random bits, so a plain SHA-256 protects it. A salt or a slow hash would add nothing.</remarks>
internal sealed class ApiKeys(IReadOnlyList<ApiKey> keys)
{
    /// <summary>Names of the keys' owners.</summary>
    public IEnumerable<string> Names => keys.Select(key => key.Name);

    /// <summary>Finds the key that a caller presents; null if it is unknown.</summary>
    /// <param name="presented">The key as sent.</param>
    public ApiKey? Find(string presented)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(presented), hash);
        ApiKey? found = null;

        // Compare with every entry, each in constant time, so that the duration reveals nothing about the keys.
        foreach (var key in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, key.Sha256))
            {
                found = key;
            }
        }

        return found;
    }
}
