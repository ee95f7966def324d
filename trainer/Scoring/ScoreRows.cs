using System.Text.Json;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Scoring;

/// <summary>
/// Reads rows to score, one JSON object a line: <c>{"prompt_ids","completion_ids"}</c> for a decoder, <c>{"input_ids"}</c> or
/// <c>{"text"}</c> for a classifier. Other keys are left alone; a row that cannot be scored is named by file and line.
/// </summary>
internal sealed class ScoreRows(ModelConfig config, TextTokenizer? tokenizer, string file)
{
    private int _line;

    /// <summary>All rows, in order; empty lines are passed over.</summary>
    public List<ScoreRow> Read(TextReader reader)
    {
        var rows = new List<ScoreRow>();
        while (reader.ReadLine() is string text)
        {
            _line++;
            if (!string.IsNullOrWhiteSpace(text))
            {
                rows.Add(Parse(text));
            }
        }

        return rows;
    }

    private ScoreRow Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Bad($"a JSON object is needed, this is {document.RootElement.ValueKind}");
            }

            return !config.IsClassifier ? Completion(document.RootElement) : Label(document.RootElement);
        }
        catch (JsonException e)
        {
            throw Bad($"no JSON: {e.Message}");
        }
        catch (InvalidOperationException) // half of a surrogate pair, written as \uD8xx
        {
            throw Bad("a key or text holds half a surrogate pair. Write valid Unicode");
        }
    }

    private ScoreRow Completion(JsonElement row)
    {
        int[] prompt = Ids(row, "prompt_ids"), completion = Ids(row, "completion_ids");
        if (prompt.Length == 0)
        {
            throw Bad("prompt_ids is empty; the first completion token needs one token or more before it (the end-of-text token, where there is no prompt)");
        }

        int length = prompt.Length + completion.Length;
        if (length > config.Context)
        {
            throw Bad($"prompt and completion have {length} tokens; the model's context is {config.Context}. Shorten the row");
        }

        return new ScoreRow([[.. prompt, .. completion]], prompt.Length);
    }

    private ScoreRow Label(JsonElement row)
    {
        if (!row.TryGetProperty("text", out JsonElement text))
        {
            int[] ids = Ids(row, "input_ids");
            return ids.All(id => id == config.PadId) ? throw Bad("input_ids is empty, or holds the padding id alone")
                : ids.Length > config.Context ? throw Bad($"input_ids has {ids.Length} tokens; the model's context is {config.Context}. Shorten it, or give the text: texts are read in windows")
                : new ScoreRow([Unpadded(ids)], 0);
        }

        if (row.TryGetProperty("input_ids", out _))
        {
            throw Bad("both input_ids and text are given; give one");
        }

        if (text.ValueKind != JsonValueKind.String)
        {
            throw Bad($"text is {text.ValueKind}; a string is needed");
        }

        string content = text.GetString()!;
        try
        {
            return new ScoreRow(Windows(tokenizer?.Encode(content) ?? throw Bad("text is given, but the model has no tokenizer; give input_ids")), 0);
        }
        catch (SurplusTokenException e)
        {
            throw Bad(e.Message.TrimEnd('.'));
        }
    }

    /// <summary>The text in consecutive windows, each begun and ended as the model knows its texts.</summary>
    private List<int[]> Windows(int[] tokens)
    {
        int[] before = config is { WrapsTexts: true, BosId: int begin } ? [begin] : [];
        int[] after = config is { WrapsTexts: true, EosId: int end } ? [end] : [];
        int size = config.Context - before.Length - after.Length;
        int[] empty = config.WrapsTexts ? [.. before, .. after] : [config.EosId ?? config.PadId!.Value];
        return tokens.Length == 0 ? [empty] : [.. tokens.Chunk(size).Select(part => (int[])[.. before, .. Unpadded(part), .. after])];
    }

    // An encoder's attention ignores padding, so the row scores the same without it. In a language model's text the id may have a meaning.
    private int[] Unpadded(int[] ids) => config.WrapsTexts ? [.. ids.Where(id => id != config.PadId)] : ids;

    private int[] Ids(JsonElement row, string key)
    {
        if (!row.TryGetProperty(key, out JsonElement values))
        {
            string needed = !config.IsClassifier ? "\"prompt_ids\" and \"completion_ids\" for a decoder" : "\"input_ids\" or \"text\" for a classifier";
            throw Bad($"\"{key}\" is missing; a row needs {needed}");
        }

        if (values.ValueKind != JsonValueKind.Array)
        {
            throw Bad($"{key} is {values.ValueKind}; an array of token ids is needed");
        }

        int[] ids = new int[values.GetArrayLength()];
        int index = 0;
        foreach (JsonElement value in values.EnumerateArray())
        {
            ids[index++] = value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0 && id < config.VocabularySize
                ? id
                : throw Bad($"{key}[{index - 1}] is {value.GetRawText()}; ids go from 0 to {config.VocabularySize - 1}");
        }

        return ids;
    }

    private BadInputException Bad(string what) => new($"{file}:{_line}: {what}.");
}
