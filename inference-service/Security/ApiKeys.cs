using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Security;

/// <summary>One entry of the keys file. A limit of 0 means the service's limit.</summary>
internal sealed record ApiKey
{
    private const string NamePattern = @"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z";
    private const string NameFault = "name takes a letter or digit, then up to 127 letters, digits, '.', '-' and '_'.";
    private const string HashFault = "sha256 takes 64 hexadecimal digits; --new-key NAME prints a fresh one.";

    /// <summary>Name of its owner, for queues and budgets.</summary>
    [Required(ErrorMessage = NameFault), RegularExpression(NamePattern, ErrorMessage = NameFault)]
    public required string Name { get; init; }

    /// <summary>SHA-256 of the key, hex. The service never stores the key.</summary>
    [Required(ErrorMessage = HashFault), RegularExpression("^[0-9A-Fa-f]{64}$", ErrorMessage = HashFault)]
    public required string Sha256 { get; init; }

    /// <summary>Calls at once.</summary>
    [Range(0, int.MaxValue, ErrorMessage = "max_concurrent_calls takes 0 or more.")]
    public int MaxConcurrentCalls { get; init; }

    /// <summary>Prompt tokens and requested tokens per minute.</summary>
    [Range(0, int.MaxValue, ErrorMessage = "max_tokens_per_minute takes 0 or more.")]
    public int MaxTokensPerMinute { get; init; }

    /// <summary>Whether its owner may load and unload models.</summary>
    public bool Admin { get; init; }

    /// <summary>Whether a key's owner may have this name.</summary>
    public static bool IsName(string name) => Regex.IsMatch(name, NamePattern);
}

/// <summary>The API keys of the keys file: <c>{"keys": [{"name", "sha256", "max_concurrent_calls", "max_tokens_per_minute", "admin"}]}</c>.</summary>
/// <remarks>A key has 256 random bits, so a plain SHA-256 protects it. A salt or a slow hash would add nothing.</remarks>
internal sealed class ApiKeys
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly (ApiKey Key, byte[] Hash)[] _keys;

    private ApiKeys(IReadOnlyList<ApiKey> keys) => _keys = [.. keys.Select(key => (key, Convert.FromHexString(key.Sha256)))];

    /// <summary>Number of keys.</summary>
    public int Count => _keys.Length;

    /// <summary>Reads the keys; <see cref="FileReloads"/> reads a changed file again.</summary>
    /// <exception cref="SecurityFileException">The file cannot be read or holds faults, one on each line of the message.</exception>
    public static FileBacked<ApiKeys> Open(string path, DateTimeOffset now) => new([path], (content, _) => Parse(path, content[0]), now);

    /// <summary>Parses the content of a keys file in UTF-8.</summary>
    /// <exception cref="SecurityFileException">The content cannot be parsed, or holds faults, one on each line of the message.</exception>
    public static ApiKeys Parse(string path, ReadOnlyMemory<byte> json)
    {
        var keys = Entries(path, json);
        string[] faults =
        [
            .. keys.SelectMany(Faults),
            .. Repeated("name", keys.Select(key => key.Name)),
            .. Repeated("sha256", keys.Select(key => key.Sha256.ToLowerInvariant())),
        ];
        return faults.Length > 0 ? throw new SecurityFileException(string.Join('\n', faults.Select(fault => $"{path}: {fault}")))
            : keys.Count == 0 ? throw new SecurityFileException($"{path}: keys is empty, so every call would be refused; add one, or remove Service:ApiKeysFile.")
            : new ApiKeys(keys);
    }

    /// <summary>Finds the key that a caller presents; null if it is unknown.</summary>
    public ApiKey? Find(string presented)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(presented), hash);
        ApiKey? found = null;

        // Compare with every entry, each in constant time, so that the duration reveals nothing about the keys.
        foreach (var (key, known) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, known))
            {
                found = key;
            }
        }

        return found;
    }

    private static IReadOnlyList<ApiKey> Entries(string path, ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<KeysFile>(json.Span, Strict)?.Keys ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new SecurityFileException(
                $"{path}: the JSON is damaged, or holds a value of the wrong type or an unknown, repeated or missing property, at line {e.LineNumber + 1}, "
                + $"{e.Path ?? "$"}. The file takes {{\"keys\": [...]}}. Get an entry from: inference-service --new-key NAME",
                e);
        }
    }

    private static IEnumerable<string> Faults(ApiKey key, int index)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(key, new ValidationContext(key), faults, validateAllProperties: true);
        return faults.Select(fault => $"keys[{index}].{fault.ErrorMessage}");
    }

    private static IEnumerable<string> Repeated(string property, IEnumerable<string> values) => values.Select((value, index) => (value, index))
        .GroupBy(entry => entry.value, StringComparer.Ordinal)
        .SelectMany(equal => equal.Skip(1))
        .Select(entry => $"keys[{entry.index}].{property} is that of an earlier key; give every key its own.");

    private sealed record KeysFile(IReadOnlyList<ApiKey> Keys);
}
