using System.Security.Cryptography;
using System.Text;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>Entries of a keys file for tests.</summary>
internal static class KeysFile
{
    /// <summary>The entry of a key.</summary>
    public static string Entry(string name, string key, string more = "") => $$"""{ "name": "{{name}}", "sha256": "{{Hash(key)}}"{{more}} }""";

    /// <summary>A file of entries.</summary>
    public static string Json(params string[] entries) => $$"""{ "keys": [ {{string.Join(", ", entries)}} ] }""";

    /// <summary>What the service keeps of a key.</summary>
    public static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
