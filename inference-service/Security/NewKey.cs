using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary><c>--new-key NAME</c>: a fresh API key and its entry for the keys file. Nothing is stored.</summary>
internal static class NewKey
{
    private const int RandomBytes = 32;

    /// <summary>Prints the key on the first line and its entry on the second.</summary>
    /// <exception cref="UsageException">The name is not legal.</exception>
    public static void Print(string name, TextWriter output)
    {
        if (!ApiKey.IsName(name))
        {
            throw UsageException.Of([$"--new-key is '{name}'; a name is a letter or digit, then up to 127 letters, digits, '.', '-' and '_'."]);
        }

        // A secret needs the system's generator: output of a seeded one can be reproduced.
        string key = "rk-" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        output.WriteLine(key);
        output.WriteLine(
            $$"""{ "name": "{{name}}", "sha256": "{{sha256}}", "max_concurrent_calls": 0, "max_tokens_per_minute": 0, "admin": false }""");
    }
}
