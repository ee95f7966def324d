using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Rudder.Preference.V1;

namespace Rudder.Datasets;

/// <summary>Reads and writes preference pairs: one <c>preference.v1.PreferencePair</c> a line, as JSON with the proto's field names.</summary>
/// <example><code>
/// foreach (PreferencePair pair in PreferencePairs.Read("pairs.jsonl.gz"))
/// {
///     Console.WriteLine($"{pair.PromptId}: {pair.Chosen.Text} rather than {pair.Rejected.Text}");
/// }
/// </code></example>
public static class PreferencePairs
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true).WithFormatDefaultValues(true));
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);
    private static readonly string Expected = $"{Fields(PreferencePair.Descriptor)}, where chosen and rejected have {Fields(Scored.Descriptor)}";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Streams the pairs of a file.</summary>
    /// <param name="path">A .jsonl or .jsonl.gz file.</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed line, an unknown field, or a pair without both completions.</exception>
    public static IEnumerable<PreferencePair> Read(string path) => ReadNumbered(path).Select(row => row.Pair);

    /// <summary>Streams the pairs of a file with the number of the line each stands on, for messages about it.</summary>
    /// <inheritdoc cref="Read"/>
    public static IEnumerable<(int Line, PreferencePair Pair)> ReadNumbered(string path)
    {
        foreach (var (number, line) in TextLines.Read(path))
        {
            yield return (number, Parse($"{path}:{number}", line));
        }
    }

    /// <summary>One pair as a line, without its end.</summary>
    /// <param name="pair">The pair.</param>
    public static string Format(PreferencePair pair) => Formatter.Format(pair);

    /// <summary>Writes a whole file, atomically.</summary>
    /// <param name="path">The target; packed where it ends in .gz. A missing folder is created.</param>
    /// <param name="pairs">The pairs.</param>
    public static void Write(string path, IEnumerable<PreferencePair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        AtomicFile.Write(path, file =>
        {
            using var packed = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.SmallestSize, leaveOpen: true) : null;
            foreach (var pair in pairs)
            {
                (packed ?? file).Write(Utf8.GetBytes(Format(pair) + "\n"));
            }
        });
    }

    private static PreferencePair Parse(string place, string line)
    {
        PreferencePair pair;
        try
        {
            pair = Parser.Parse<PreferencePair>(line);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw new DatasetException($"{place}: is not a preference pair ({e.Message}). Expected the fields {Expected}; found {Found(line)}.", e);
        }

        if (pair.PromptIds.Count == 0 && pair.Prompt.Length == 0)
        {
            throw new DatasetException($"{place}: fields 'prompt_ids' and 'prompt' are both missing or empty; a pair has a prompt.");
        }

        Check(place, "chosen", pair.Chosen);
        Check(place, "rejected", pair.Rejected);
        return pair;
    }

    private static void Check(string place, string field, Scored? completion)
    {
        if (completion is null || (completion.Ids.Count == 0 && completion.Text.Length == 0))
        {
            throw new DatasetException($"{place}: field '{field}' {(completion is null ? "is missing" : "has neither ids nor text")}; a pair has two completions.");
        }

        if (!completion.HasSampleIndex)
        {
            throw new DatasetException(
                $"{place}: field '{field}.sample_index' is missing; it numbers the completions of a prompt from 0 and shows which pairs share one.");
        }

        if (!double.IsFinite(completion.Score) || !double.IsFinite(completion.SumLogProb))
        {
            throw new DatasetException($"{place}: field '{field}' has score {completion.Score} and sum_log_prob {completion.SumLogProb}; both must be finite.");
        }
    }

    /// <summary>The proto's fields with the kind of JSON value each takes.</summary>
    private static string Fields(MessageDescriptor message) => string.Join(", ", message.Fields.InDeclarationOrder().Select(field =>
        field.FieldType == FieldType.Message ? $"{field.Name} (object)"
        : field.IsRepeated ? $"{field.Name} (list)"
        : field.FieldType == FieldType.String ? $"{field.Name} (string)"
        : $"{field.Name} (number)"));

    /// <summary>The fields a line has, with their kinds; no values, which are the user's text.</summary>
    private static string Found(string line)
    {
        const int Shown = 16;
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? string.Join(", ", json.RootElement.EnumerateObject().Take(Shown).Select(field => $"{field.Name} ({KindOf(field.Value)})"))
                : $"a JSON {KindOf(json.RootElement)}";
        }
        catch (JsonException)
        {
            return "no valid JSON object";
        }
    }

    private static string KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "list",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var kind => kind.ToString().ToLowerInvariant(),
    };
}
