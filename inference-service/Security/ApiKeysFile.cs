using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Security;

/// <summary>The keys file: <c>{"keys": [{"name", "sha256", "max_concurrent_calls", "max_tokens_per_minute", "admin"}]}</c>.</summary>
/// <param name="Keys">Its entries, at least one.</param>
internal sealed record ApiKeysFile(IReadOnlyList<ApiKeysFile.Entry> Keys)
{
    private const string NamePattern = @"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z";
    private const string NameFault = "name takes a letter or digit, then up to 127 letters, digits, '.', '-' and '_'.";
    private const string HashFault = "sha256 takes 64 hexadecimal digits; --new-key NAME prints a fresh one.";

    private static readonly JsonSerializerOptions Strict = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Reads the keys; <see cref="FileReloads"/> reads a changed file again.</summary>
    /// <param name="path">The keys file.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="SecurityFileException">The file cannot be read or holds faults, one on each line of the message.</exception>
    public static FileBacked<ApiKeys> Open(string path, DateTimeOffset now) => new([path], (content, _) => Parse(path, content[0]), now);

    /// <summary>Whether a key's owner may have this name.</summary>
    public static bool IsName(string name) => Regex.IsMatch(name, NamePattern);

    /// <summary>Parses a file's content.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="json">UTF-8.</param>
    /// <exception cref="SecurityFileException">The content cannot be parsed, or holds faults, one on each line of the message.</exception>
    public static ApiKeys Parse(string path, ReadOnlyMemory<byte> json)
    {
        var entries = Entries(path, json);
        string[] faults =
        [
            .. entries.SelectMany(Faults),
            .. Repeated("name", entries.Select(entry => entry.Name)),
            .. Repeated("sha256", entries.Select(entry => entry.Sha256.ToLowerInvariant())),
        ];
        return faults.Length > 0 ? throw new SecurityFileException(string.Join('\n', faults.Select(fault => $"{path}: {fault}")))
            : entries.Count == 0 ? throw new SecurityFileException($"{path}: keys is empty, so every call would be refused; add one, or remove Service:ApiKeysFile.")
            : new ApiKeys([.. entries.Select(entry => new ApiKey(
                entry.Name, Convert.FromHexString(entry.Sha256), new CallerLimits(entry.MaxConcurrentCalls, entry.MaxTokensPerMinute), entry.Admin))]);
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
                + $"{e.Path ?? "$"}. The file takes {{\"keys\": [...]}}. Get an entry from: inference-service --new-key NAME",
                e);
        }
    }

    private static IEnumerable<string> Faults(Entry entry, int index)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(entry, new ValidationContext(entry), faults, validateAllProperties: true);
        return faults.Select(fault => $"keys[{index}].{fault.ErrorMessage}");
    }

    private static IEnumerable<string> Repeated(string property, IEnumerable<string> values) => values.Select((value, index) => (value, index))
        .GroupBy(entry => entry.value, StringComparer.Ordinal)
        .SelectMany(equal => equal.Skip(1))
        .Select(entry => $"keys[{entry.index}].{property} is that of an earlier key; give every key its own.");

    /// <summary>One entry. A limit of 0 means the service's limit.</summary>
    internal sealed record Entry
    {
        [Required(ErrorMessage = NameFault), RegularExpression(NamePattern, ErrorMessage = NameFault)]
        public required string Name { get; init; }

        [Required(ErrorMessage = HashFault), RegularExpression("^[0-9A-Fa-f]{64}$", ErrorMessage = HashFault)]
        public required string Sha256 { get; init; }

        [Range(0, int.MaxValue, ErrorMessage = "max_concurrent_calls takes 0 or more.")]
        public int MaxConcurrentCalls { get; init; }

        [Range(0, int.MaxValue, ErrorMessage = "max_tokens_per_minute takes 0 or more.")]
        public int MaxTokensPerMinute { get; init; }

        public bool Admin { get; init; }
    }
}
