using System.Text.Json;

namespace Rudder.Datasets;

/// <summary>Streams the objects of a JSON Lines file, packed or not.</summary>
internal static class JsonRows
{
    /// <summary>Line number and object of each line. A row is valid only until the next one is read.</summary>
    public static IEnumerable<(int Number, JsonRow Row)> Read(string path)
    {
        foreach (var (number, line) in TextLines.Read(path))
        {
            using var document = Parse(path, number, line);
            yield return (number, new JsonRow($"{path}:{number}", document.RootElement));
        }
    }

    private static JsonDocument Parse(string path, int number, string line)
    {
        try
        {
            var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new DatasetException($"{path}:{number}: is not a JSON object. Each line is one object.");
        }
        catch (JsonException e)
        {
            throw new DatasetException($"{path}:{number}: not valid JSON ({e.Message}). Each line is one object.", e);
        }
    }
}
