using System.Security.Cryptography;
using System.Text;

namespace Rudder.InferenceService.Security;

/// <summary>One API key: what the service keeps of it, and what its owner may do.</summary>
/// <param name="Caller">The owner's name and limits.</param>
/// <param name="Sha256">SHA-256 of the key, 32 bytes. The key itself is nowhere.</param>
/// <param name="Admin">Whether the owner may load and unload models.</param>
internal sealed record ApiKey(Caller Caller, byte[] Sha256, bool Admin);

/// <summary>The API keys of the keys file.</summary>
/// <param name="keys">The keys.</param>
/// <remarks>
/// Keys are 256 random bits, so one plain SHA-256 protects them: there is nothing to guess that salt or slow hashing would make dearer.
/// </remarks>
internal sealed class ApiKeys(IReadOnlyList<ApiKey> keys)
{
    /// <summary>Names of the keys' owners.</summary>
    public IEnumerable<string> Names => keys.Select(key => key.Caller.Name);

    /// <summary>The key that was presented, or null where it is none of these.</summary>
    /// <param name="presented">What the caller sent.</param>
    public ApiKey? Find(string presented)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(presented), hash);
        ApiKey? found = null;

        // Every entry is compared, each in constant time: how long it takes tells nothing about the keys.
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
