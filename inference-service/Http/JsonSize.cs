using System.Text.Json;

namespace Rudder.InferenceService.Http;

/// <summary>Counts what a JSON body holds before it is taken apart: a value may have two bytes in the body and takes some fifty of memory.</summary>
internal static class JsonSize
{
    /// <summary>Values, names and brackets that a body may hold: 1,024 prompts of 2,000 ids have fewer.</summary>
    public const int MaxValues = 2 << 20;

    /// <summary>Reads a body through, keeping nothing.</summary>
    /// <param name="body">UTF-8.</param>
    /// <param name="maxDepth">Levels of nesting.</param>
    /// <exception cref="OpenAiException">It holds more than <see cref="MaxValues"/>.</exception>
    /// <exception cref="JsonException">It is no JSON, or is nested deeper.</exception>
    public static void Check(ReadOnlySpan<byte> body, int maxDepth)
    {
        int count = 0;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = maxDepth });
        while (reader.Read())
        {
            if (++count > MaxValues)
            {
                throw OpenAiException.Invalid(null, $"the body holds more than {MaxValues} JSON values, names and brackets, the limit of one request. Send several calls.");
            }
        }
    }
}
