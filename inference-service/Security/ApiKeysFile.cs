using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Security;

/// <summary>The keys file: <c>{"keys": [{"name", "sha256", "max_concurrent_calls", "max_tokens_per_minute", "admin"}]}</c>.</summary>
/// <param name="Keys">Its entries, at least one.</param>
internal sealed partial record ApiKeysFile(IReadOnlyList<ApiKeysFile.Entry> Keys)
{
    private const string Properties = "name, sha256, max_concurrent_calls, max_tokens_per_minute, admin";

    private static readonly JsonSerializerOptions Strict = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Reads the keys; <see cref="FileReloads"/> reads changed files again.</summary>
    /// <param name="path">The keys file.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="SecurityFileException">The file cannot be read or holds faults, one on each line of the message.</exception>
    public static FileBacked<ApiKeys> Open(string path, DateTimeOffset now) => new([path], (content, _) => Parse(path, content[0]), now);

    /// <summary>Whether a name is legal for a key's owner.</summary>
    public static bool IsName(string name) => LegalName().IsMatch(name);

    /// <summary>Parses a file's content.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="json">UTF-8.</param>
    /// <exception cref="SecurityFileException">The content cannot be parsed, or holds faults, one on each line of the message.</exception>
    public static ApiKeys Parse(string path, ReadOnlyMemory<byte> json)
    {
        var entries = Entries(path, json);
        var faults = Faults(entries).ToList();
        return faults.Count == 0
            ? new ApiKeys([.. entries.Select(entry => entry.ToKey())])
            : throw new SecurityFileException(string.Join('\n', faults.Select(fault => $"{path}: {fault}")));
    }

    private static IReadOnlyList<Entry> Entries(string path, ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<ApiKeysFile>(json.Span, Strict)?.Keys ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new SecurityFileException(
                $"{path}: the JSON is damaged, or holds a value of the wrong type or an unknown, repeated or missing property, at line {e.LineNumber + 1}, "
                + $"{e.Path ?? "$"}. The file takes {{\"keys\": [...]}}; an entry takes {Properties}. Get one from: inference-service --new-key NAME",
                e);
        }
    }

    private static IEnumerable<string> Faults(IReadOnlyList<Entry> entries)
    {
        if (entries.Count == 0)
        {
            yield return "keys is empty, so every call would be refused; add one with --new-key NAME, or remove Service:ApiKeysFile.";
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var hashes = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < entries.Count; i++)
        {
            foreach (string fault in entries[i].Faults(names, hashes))
            {
                yield return $"keys[{i}].{fault}";
            }
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\z")]
    private static partial Regex LegalName();

    [GeneratedRegex("^[0-9A-Fa-f]{64}\\z")]
    private static partial Regex Sha256Digits();

    /// <summary>One entry.</summary>
    internal sealed record Entry
    {
        /// <summary>Its owner.</summary>
        public required string Name { get; init; }

        /// <summary>SHA-256 of the key, 64 hexadecimal digits.</summary>
        public required string Sha256 { get; init; }

        /// <summary>Calls at once; 0: the service's limit. Default 0.</summary>
        public int MaxConcurrentCalls { get; init; }

        /// <summary>Tokens per minute; 0: the service's limit. Default 0.</summary>
        public int MaxTokensPerMinute { get; init; }

        /// <summary>Whether its owner may load and unload models. Default false.</summary>
        public bool Admin { get; init; }

        /// <summary>The key.</summary>
        public ApiKey ToKey() => new(Name, Convert.FromHexString(Sha256), new CallerLimits(MaxConcurrentCalls, MaxTokensPerMinute), Admin);

        /// <summary>Everything wrong with it; each starts with the property.</summary>
        /// <param name="names">Names of the entries before it.</param>
        /// <param name="hashes">Their hashes.</param>
        public IEnumerable<string> Faults(ISet<string> names, ISet<string> hashes)
        {
            if (!IsName(Name))
            {
                yield return "name is not legal; it takes a letter or digit, then up to 127 letters, digits, '.', '-' and '_'.";
            }
            else if (!names.Add(Name))
            {
                yield return $"name '{Name}' occurs twice; give every key its own name.";
            }

            if (!Sha256Digits().IsMatch(Sha256))
            {
                yield return "sha256 is not 64 hexadecimal digits; --new-key NAME prints a fresh one.";
            }
            else if (!hashes.Add(Sha256))
            {
                yield return "sha256 occurs twice; give every owner a key of their own.";
            }

            foreach (var (property, value) in new[] { ("max_concurrent_calls", MaxConcurrentCalls), ("max_tokens_per_minute", MaxTokensPerMinute) })
            {
                if (value < 0)
                {
                    yield return $"{property} is {value}; it takes 0 (the service's limit) to {int.MaxValue}.";
                }
            }
        }
    }
}
