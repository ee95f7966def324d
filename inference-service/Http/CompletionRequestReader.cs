using System.Text.Json;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Http;

/// <summary>Reads the body of <c>POST /v1/completions</c>: strict kinds, no unknown fields, and only the neutral values of what the engines do not have.</summary>
internal static class CompletionRequestReader
{
    private const int MaxDepth = 8;
    private const int MaxTopLogProbs = 5;                    // of the original API

    private static readonly string[] Known =
    [
        "model", "prompt", "n", "best_of", "max_tokens", "temperature", "top_p", "top_k", "min_p", "logprobs", "echo", "stop", "seed", "stream",
        "stream_options", "user", "suffix", "frequency_penalty", "presence_penalty", "logit_bias",
    ];

    /// <summary>Reads a body.</summary>
    /// <param name="body">Its bytes.</param>
    /// <param name="maxPrompts">Prompts it may hold; checked before they are read, as an empty one takes some fifty times its bytes. Default: any number.</param>
    /// <param name="maxStops">Stop strings it may hold; checked before they are read, too. Default: any number.</param>
    /// <exception cref="OpenAiException">It is no such request; names the parameter, never its text.</exception>
    public static CompletionRequest Read(ReadOnlyMemory<byte> body, int maxPrompts = int.MaxValue, int maxStops = int.MaxValue)
    {
        try
        {
            JsonSize.Check(body.Span, MaxDepth);
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return Read(new JsonFields(document.RootElement, Known), maxPrompts, maxStops);
        }
        catch (JsonException fault)
        {
            string place = fault.LineNumber is { } line ? $" at line {line + 1}, byte {fault.BytePositionInLine + 1}" : "";
            throw OpenAiException.Invalid(null, $"the body is no JSON in UTF-8, or is nested deeper than {MaxDepth} levels{place}.");
        }
        catch (InvalidOperationException)
        {
            // What the reader throws for bytes that are no UTF-8, and for a \u escape that is half a character.
            throw OpenAiException.Invalid(null, "the body holds a string that is no text: bytes that are no UTF-8, or half of a surrogate pair.");
        }
    }

    private static CompletionRequest Read(JsonFields fields, int maxPrompts, int maxStops)
    {
        int n = fields.Integer("n") ?? 1;
        RefuseWhatEnginesLack(fields, n);
        bool stream = fields.Flag("stream");
        int? top = TopLogProbs(fields);
        var (prompts, hasOne) = Prompts(fields.Find("prompt"), maxPrompts);
        var request = new CompletionRequest
        {
            Model = fields.Text("model") ?? throw Missing("model", "GET /v1/models names the loaded ones."),
            Prompts = prompts,
            HasOnePrompt = hasOne,
            N = n,
            MaxTokens = fields.Integer("max_tokens") ?? 16,
            Temperature = fields.Number("temperature", 1),
            TopP = fields.Number("top_p", 1),
            TopK = fields.Integer("top_k") ?? 0,
            MinP = fields.Number("min_p", 0),
            LogProbs = top is not null,
            TopLogProbs = top ?? 0,
            Echo = fields.Flag("echo"),
            Stop = Stops(fields.Find("stop"), maxStops),
            Seed = Seed(fields.Find("seed")),
            Stream = stream,
            IncludeUsage = IncludeUsage(fields, stream),
        };
        return request.MaxTokens != 0 || request.Echo ? request : throw OpenAiException.Invalid(
            "max_tokens", "max_tokens is 0, which would give nothing; it takes 1 or more, or 0 together with echo, for scoring a prompt.");
    }

    private static void RefuseWhatEnginesLack(JsonFields fields, int n)
    {
        _ = fields.Text("user"); // of the right kind, and otherwise ignored
        if (fields.Integer("best_of") is { } best && best != n)
        {
            throw OpenAiException.Invalid("best_of", $"best_of is {best}; only n, here {n}, is possible. Draw more with n and choose among them.");
        }

        if (fields.Text("suffix") is { Length: > 0 })
        {
            throw OpenAiException.Invalid("suffix", "suffix is not empty; these models write only forward. Leave it out.");
        }

        foreach (string name in new[] { "frequency_penalty", "presence_penalty" })
        {
            if (fields.Number(name, 0) != 0)
            {
                throw OpenAiException.Invalid(name, $"{name} is not 0; this service draws from the model's own distribution. Leave it out.");
            }
        }

        if (fields.Find("logit_bias") is { } bias)
        {
            if (bias.ValueKind != JsonValueKind.Object)
            {
                throw JsonFields.Wrong("logit_bias", bias, "an object");
            }

            if (bias.EnumerateObject().Any())
            {
                throw OpenAiException.Invalid("logit_bias", "logit_bias is not empty; this service draws from the model's own distribution. Leave it out.");
            }
        }
    }

    private static (IReadOnlyList<Prompt> Prompts, bool HasOne) Prompts(JsonElement? given, int maxPrompts)
    {
        var value = given ?? throw Missing("prompt", "Send a text, token ids, or a list of either.");
        if (value.ValueKind == JsonValueKind.String)
        {
            return ([new Prompt { Text = value.GetString()! }], true);
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw JsonFields.Wrong("prompt", value, "a string, an array of strings, an array of token ids, or an array of such arrays");
        }

        if (value.GetArrayLength() == 0)
        {
            throw OpenAiException.Invalid("prompt", "prompt is an empty array; it takes at least one text or one token id.");
        }

        if (value[0].ValueKind == JsonValueKind.Number)
        {
            return ([Ids("prompt", value)], true);
        }

        if (value.GetArrayLength() > maxPrompts)
        {
            throw OpenAiException.Invalid("prompt", $"prompt has {value.GetArrayLength()} entries; the limit is {maxPrompts}. Send several calls.");
        }

        return value[0].ValueKind switch
        {
            JsonValueKind.String => ([.. value.EnumerateArray().Select((text, i) => new Prompt { Text = JsonFields.TextOf($"prompt[{i}]", text) })], false),
            _ => ([.. value.EnumerateArray().Select((ids, i) => Ids($"prompt[{i}]", ids))], false),
        };
    }

    private static Prompt Ids(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw JsonFields.Wrong(name, value, "an array of token ids, as the other prompts");
        }

        var ids = new TokenIds();
        int place = 0;
        foreach (var id in value.EnumerateArray())
        {
            // The name is put together only where it is needed: a prompt may have a million ids.
            ids.Ids.Add(id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int number) ? number : JsonFields.IntegerOf($"{name}[{place}]", id));
            place++;
        }

        return new Prompt { Ids = ids };
    }

    private static IReadOnlyList<string> Stops(JsonElement? given, int maxStops) => given switch
    {
        null => [],
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        { ValueKind: JsonValueKind.Array } many when many.GetArrayLength() > maxStops => throw OpenAiException.Invalid(
            "stop", $"the number of stop is {many.GetArrayLength()}; it takes 0 to {maxStops}. Use fewer."),
        { ValueKind: JsonValueKind.Array } many => [.. many.EnumerateArray().Select((stop, i) => JsonFields.TextOf($"stop[{i}]", stop))],
        { } other => throw JsonFields.Wrong("stop", other, "a string or an array of strings"),
    };

    private static uint Seed(JsonElement? given) => given switch
    {
        null => 0,
        { ValueKind: JsonValueKind.Number } number when number.TryGetUInt32(out uint seed) => seed,
        { } other => throw JsonFields.Wrong("seed", other, $"a whole number from 0 to {uint.MaxValue}"),
    };

    private static int? TopLogProbs(JsonFields fields) => fields.Integer("logprobs") switch
    {
        null => null,
        { } count and >= 0 and <= MaxTopLogProbs => count,
        { } count => throw OpenAiException.Invalid(
            "logprobs", $"logprobs is {count}; it takes 0 to {MaxTopLogProbs}, the number of most probable tokens told with each one. Ask for fewer."),
    };

    private static bool IncludeUsage(JsonFields fields, bool stream)
    {
        if (fields.Find("stream_options") is not { } options)
        {
            return false;
        }

        var given = new JsonFields(options, ["include_usage", "include_obfuscation"], "stream_options.");
        if (given.Flag("include_obfuscation"))
        {
            const string name = "stream_options.include_obfuscation";
            throw OpenAiException.Invalid(name, $"{name} is true; this service sends no padding with its events. Leave it out, or send false.");
        }

        bool include = given.Flag("include_usage");
        return stream ? include : throw OpenAiException.Invalid("stream_options", "stream_options is set, and stream is not; set stream or leave it out.");
    }

    private static OpenAiException Missing(string name, string remedy) => OpenAiException.Invalid(name, $"{name} is missing. {remedy}");
}
