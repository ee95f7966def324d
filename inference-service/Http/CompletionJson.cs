using System.Text.Json;
using Rudder.Engine.Registry;

namespace Rudder.InferenceService.Http;

/// <summary>Writes completions in that API's form; a whole reply and a piece of a stream are the same object.</summary>
/// <param name="Id">Of this call.</param>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="Model">As the request names it.</param>
/// <param name="Fingerprint">Of the model that answers.</param>
internal sealed record CompletionJson(string Id, long Created, string Model, string Fingerprint)
{
    private const int ShownDigits = 16;

    /// <summary>The heading of one call's reply.</summary>
    public static CompletionJson For(LoadedModel model, TimeProvider time) => new(
        $"cmpl-{Guid.NewGuid():N}",
        time.GetUtcNow().ToUnixTimeSeconds(),
        model.Name,
        "fp_" + model.Fingerprint[..Math.Min(ShownDigits, model.Fingerprint.Length)]);

    /// <summary>Opens the object and writes all before its choices.</summary>
    public void WriteStart(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", Id);
        json.WriteString("object", "text_completion");
        json.WriteNumber("created", Created);
        json.WriteString("model", Model);
        json.WriteString("system_fingerprint", Fingerprint);
        json.WriteStartArray("choices");
    }

    /// <summary>Writes one choice.</summary>
    public static void WriteChoice(Utf8JsonWriter json, CompletionChoice choice)
    {
        json.WriteStartObject();
        json.WriteNumber("index", choice.Index);
        json.WriteString("text", choice.Text);
        json.WriteString("finish_reason", choice.FinishReason);
        if (choice.LogProbs is { } logProbs)
        {
            json.WriteStartObject("logprobs");
            Write(json, logProbs);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("logprobs");
        }

        json.WriteEndObject();
    }

    /// <summary>Closes the choices and the object.</summary>
    /// <param name="json">The writer.</param>
    /// <param name="usage">Tokens of the call.</param>
    public static void WriteEnd(Utf8JsonWriter json, (int Prompt, int Completion) usage)
    {
        json.WriteEndArray();
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", usage.Prompt);
        json.WriteNumber("completion_tokens", usage.Completion);
        json.WriteNumber("total_tokens", usage.Prompt + usage.Completion);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Closes the choices and the object of a piece that is not the last.</summary>
    /// <param name="json">The writer.</param>
    /// <param name="usageFollows">Whether the stream ends with its usage: then every other piece says that it has none.</param>
    public static void WriteEnd(Utf8JsonWriter json, bool usageFollows)
    {
        json.WriteEndArray();
        if (usageFollows)
        {
            json.WriteNull("usage");
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, TokenLogProbs logProbs)
    {
        json.WriteStartArray("tokens");
        logProbs.Tokens.ForEach(json.WriteStringValue);
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        foreach (float? value in logProbs.Values)
        {
            if (value is { } number)
            {
                json.WriteNumberValue(number);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
        WriteTop(json, logProbs.Top);
        json.WriteStartArray("text_offset");
        logProbs.Offsets.ForEach(json.WriteNumberValue);
        json.WriteEndArray();
    }

    private static void WriteTop(Utf8JsonWriter json, List<IReadOnlyList<KeyValuePair<string, float>>?>? places)
    {
        if (places is null)
        {
            json.WriteNull("top_logprobs");
            return;
        }

        json.WriteStartArray("top_logprobs");
        foreach (var place in places)
        {
            if (place is null)
            {
                json.WriteNullValue();
                continue;
            }

            json.WriteStartObject();
            foreach (var (text, logProb) in place)
            {
                json.WriteNumber(text, logProb);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
