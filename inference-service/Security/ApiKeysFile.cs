using System.Text.Json;
using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Security;

/// <summary>Reads the keys file and lists all its faults at once.</summary>
/// <remarks><c>{"keys": [{"name", "sha256", "max_concurrent_calls", "max_tokens_per_minute", "admin"}]}</c></remarks>
internal sealed partial class ApiKeysFile
{
    private static readonly string[] Properties = ["name", "sha256", "max_concurrent_calls", "max_tokens_per_minute", "admin"];
    private static readonly JsonDocumentOptions OneOfEach = new() { AllowDuplicateProperties = false };
    private readonly List<string> _faults = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _hashes = new(StringComparer.Ordinal);

    private ApiKeysFile()
    {
    }

    /// <summary>Reads the keys; the file is looked at again as the settings say.</summary>
    /// <param name="path">The keys file.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="SecurityFileException">The file cannot be read or holds faults; the message lists each.</exception>
    public static FileBacked<ApiKeys> Open(string path, DateTimeOffset now) => new([path], (content, _) => Parse(path, content[0]), now);

    /// <summary>Whether a name is fit for a key's owner: a letter or digit, then up to 127 letters, digits, dots, dashes and underscores.</summary>
    public static bool IsName(string name) => LegalName().IsMatch(name);

    /// <summary>The keys of a file's content.</summary>
    /// <param name="path">The file, for the faults.</param>
    /// <param name="json">Its content, UTF-8.</param>
    /// <exception cref="SecurityFileException">It holds faults; the message lists each.</exception>
    public static ApiKeys Parse(string path, ReadOnlyMemory<byte> json)
    {
        var file = new ApiKeysFile();
        List<ApiKey> keys;
        try
        {
            using var document = JsonDocument.Parse(json, OneOfEach);
            keys = file.Keys(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new SecurityFileException(
                $"{path} is no JSON, or names a property twice (line {e.LineNumber + 1}). An example entry comes from: inference-service --new-key NAME", e);
        }
        catch (InvalidOperationException e)
        {
            // Bytes that are no UTF-8, or half of a surrogate pair, show only when the text is read.
            throw new SecurityFileException($"{path} holds text that is no Unicode; save it as UTF-8.", e);
        }

        return file._faults.Count == 0
            ? new ApiKeys(keys)
            : throw new SecurityFileException(string.Join('\n', file._faults.Select(fault => $"{path}: {fault}")));
    }

    private List<ApiKey> Keys(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            _faults.Add("it must hold an object with a list \"keys\".");
            return [];
        }

        foreach (var property in root.EnumerateObject().Where(property => property.Name != "keys"))
        {
            _faults.Add($"'{property.Name}' is no property; there is keys.");
        }

        var keys = list.EnumerateArray().Select((entry, index) => Key($"keys[{index}]", entry)).ToList();
        if (keys.Count == 0)
        {
            _faults.Add("keys is empty, so that nobody could call; add one with --new-key NAME, or leave Service:ApiKeysFile out.");
        }

        return [.. keys.OfType<ApiKey>()];
    }

    private ApiKey? Key(string at, JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object)
        {
            _faults.Add($"{at} is no object; it takes {string.Join(", ", Properties)}.");
            return null;
        }

        int before = _faults.Count;
        foreach (var property in entry.EnumerateObject().Where(property => !Properties.Contains(property.Name)))
        {
            _faults.Add($"{at}.{property.Name} is no property; there are {string.Join(", ", Properties)}.");
        }

        string name = Text(at, entry, "name");
        string sha256 = Text(at, entry, "sha256").ToLowerInvariant();
        var limits = new CallerLimits(Number(at, entry, "max_concurrent_calls"), Number(at, entry, "max_tokens_per_minute"));
        bool admin = Flag(at, entry, "admin");
        CheckName(at, name);
        CheckHash(at, sha256);
        return _faults.Count == before ? new ApiKey(new Caller(name, limits), Convert.FromHexString(sha256), admin) : null;
    }

    private void CheckName(string at, string name)
    {
        if (!IsName(name))
        {
            _faults.Add($"{at}.name is missing or no name; it takes a letter or digit, then up to 127 letters, digits, '.', '-' and '_'.");
        }
        else if (!_names.Add(name))
        {
            _faults.Add($"{at}.name '{name}' stands there twice; every key needs a name of its own.");
        }
    }

    private void CheckHash(string at, string sha256)
    {
        if (!Sha256Digits().IsMatch(sha256))
        {
            _faults.Add($"{at}.sha256 is missing or has other than 64 hexadecimal digits; --new-key NAME prints a fresh one.");
        }
        else if (!_hashes.Add(sha256))
        {
            _faults.Add($"{at}.sha256 stands there twice; every key is one owner's.");
        }
    }

    private string Text(string at, JsonElement entry, string key)
    {
        if (!entry.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.String)
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";
        }

        _faults.Add($"{at}.{key} is no text.");
        return "";
    }

    private int Number(string at, JsonElement entry, string key)
    {
        if (!entry.TryGetProperty(key, out var value))
        {
            return 0;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= 0)
        {
            return number;
        }

        _faults.Add($"{at}.{key} must be a whole number from 0 (no limit) to {int.MaxValue}.");
        return 0;
    }

    private bool Flag(string at, JsonElement entry, string key)
    {
        if (!entry.TryGetProperty(key, out var value) || value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.ValueKind == JsonValueKind.True;
        }

        _faults.Add($"{at}.{key} must be true or false.");
        return false;
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\z")]
    private static partial Regex LegalName();

    [GeneratedRegex("^[0-9a-f]{64}\\z")]
    private static partial Regex Sha256Digits();
}
