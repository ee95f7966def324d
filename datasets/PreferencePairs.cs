using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Rudder.Preference.V1;

namespace Rudder.Datasets;

/// <summary>
/// Reads and writes preference pairs. A row has the strings <c>{"prompt", "chosen", "rejected"}</c>, or <c>{"chosen", "rejected"}</c> of whole
/// texts that share their prompt. The rows that <see cref="Write"/> makes, one <c>preference.v1.PreferencePair</c> a line with the proto's field
/// names, also hold the exact token ids, scores and sampler settings.
/// </summary>
/// <example><code>
/// foreach (PreferencePair pair in PreferencePairs.Read("pairs.jsonl.gz"))
/// {
///     Console.WriteLine($"{pair.Prompt}: {pair.Chosen} rather than {pair.Rejected}");
/// }
/// </code></example>
public static class PreferencePairs
{
    private const string Shape =
        "{\"prompt\", \"chosen\", \"rejected\"} or {\"chosen\", \"rejected\"}, each a string, or the lines of 'client pairs'";
    private static readonly string[] OwnFields = ["prompt_ids", "chosen_sample", "rejected_sample"];
    private static readonly string[] Sides = ["chosen", "rejected"];
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true).WithFormatDefaultValues(true));
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Whether the pair holds the token ids of its prompt and of both completions, so that its texts need not be encoded.</summary>
    /// <param name="pair">A pair.</param>
    public static bool HasIds(PreferencePair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        return pair.PromptIds.Count > 0 && pair.ChosenSample?.Ids.Count > 0 && pair.RejectedSample?.Ids.Count > 0;
    }

    /// <summary>Streams the pairs of a file.</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <param name="settings">Names of columns, and what happens to rows that cannot be used.</param>
    /// <exception cref="DatasetException">An unreadable file, or a row without two different completions of a prompt.</exception>
    /// <remarks>A pair of strings alone has no samples and an empty <c>prompt_id</c>.</remarks>
    public static IEnumerable<PreferencePair> Read(string path, RowSettings? settings = null) => ReadPlaced(path, settings).Select(row => row.Pair);

    /// <summary>Streams the pairs of a file, each with the "FILE:LINE" of its row, for messages about it.</summary>
    /// <inheritdoc cref="Read"/>
    public static IEnumerable<(string Place, PreferencePair Pair)> ReadPlaced(string path, RowSettings? settings = null)
    {
        settings = (settings ?? RowSettings.Default) with { Shape = Shape };
        foreach (var (_, row) in DataRows.Read(path, settings))
        {
            PreferencePair? pair = settings.Use(() => IsOwn(row) ? Exact(row) : OfTexts(row));
            if (pair is not null)
            {
                yield return (row.Place, pair);
            }
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

    /// <summary>Prompt and completions of a row with two whole texts.</summary>
    internal static (string Prompt, string Chosen, string Rejected) Cut(JsonRow row)
    {
        (string prompt, string chosen, string rejected) = ImplicitPrompt.Cut(row.FilledText("chosen"), row.FilledText("rejected"))
            ?? throw row.Bad("rejected", "differs from 'chosen' before the last \"Assistant:\"; both need the same dialogue up to the last answer");
        return string.IsNullOrWhiteSpace(chosen) ? throw row.Bad("chosen", "adds no completion to what both texts begin with")
            : string.IsNullOrWhiteSpace(rejected) ? throw row.Bad("rejected", "adds no completion to what both texts begin with")
            : (prompt, chosen, rejected);
    }

    private static PreferencePair OfTexts(JsonRow row)
    {
        (string prompt, string chosen, string rejected) = row.Has("prompt")
            ? (row.Text("prompt"), row.FilledText("chosen"), row.FilledText("rejected"))
            : Cut(row);
        return chosen != rejected
            ? new PreferencePair { Prompt = prompt, Chosen = chosen, Rejected = rejected }
            : throw row.Bad("rejected", "is the same text as 'chosen'; a pair needs two that differ");
    }

    /// <summary>Whether a row has fields of the proto that files of other programs lack, or the completions of its older form.</summary>
    private static bool IsOwn(JsonRow row) =>
        OwnFields.Any(row.Has) || Sides.Any(side => row.Json.TryGetProperty(side, out var value) && value.ValueKind == JsonValueKind.Object);

    private static PreferencePair Exact(JsonRow row)
    {
        PreferencePair pair;
        try
        {
            pair = Parser.Parse<PreferencePair>(Present(row));
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw row.Bad($"is not a preference pair ({e.Message})", e);
        }

        Check(row, "chosen_sample", pair.ChosenSample);
        Check(row, "rejected_sample", pair.RejectedSample);
        if (!HasIds(pair))
        {
            RequireText(row, "prompt", pair.Prompt, "'prompt_ids'");
            RequireText(row, "chosen", pair.Chosen, "the ids of 'chosen_sample'");
            RequireText(row, "rejected", pair.Rejected, "the ids of 'rejected_sample'");
        }

        return pair;
    }

    private static void RequireText(JsonRow row, string field, string text, string ids)
    {
        if (text.Length == 0)
        {
            throw row.Bad(field, $"and {ids} are both missing or empty; a pair has a prompt and two completions");
        }
    }

    private static void Check(JsonRow row, string field, Scored? sample)
    {
        if (sample is { HasSampleIndex: false })
        {
            throw row.Bad(field, "has no 'sample_index'; it numbers the completions of a prompt from 0 and shows which pairs share one");
        }

        if (sample is not null && !(double.IsFinite(sample.Score) && double.IsFinite(sample.SumLogProb)))
        {
            throw row.Bad(field, $"has score {sample.Score} and sum_log_prob {sample.SumLogProb}; both must be finite");
        }
    }

    /// <summary>The row in the proto's present form. Older files hold each completion as one object, with its text inside.</summary>
    private static string Present(JsonRow row)
    {
        if (!Sides.Any(side => row.Json.TryGetProperty(side, out var value) && value.ValueKind == JsonValueKind.Object))
        {
            return row.Json.GetRawText();
        }

        var pair = JsonObject.Create(row.Json)!;
        foreach (string side in Sides)
        {
            if (pair[side] is JsonObject sample)
            {
                pair.Remove(side);
                pair[side] = sample["text"]?.DeepClone();
                sample.Remove("text");
                pair[side + "_sample"] = sample;
            }
        }

        return pair.ToJsonString();
    }
}
