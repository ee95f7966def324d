using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>Opens the weight files that an index (<c>*.index.json</c>) lists.</summary>
internal static class ShardIndex
{
    private const long LargestIndex = 16L << 20;

    public static List<IWeightFile> Open(string path)
    {
        var map = ReadMap(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var files = new List<IWeightFile>();
        try
        {
            foreach (string name in map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                var file = Weights.OpenOne(Path.Combine(folder, name));
                files.Add(file);
                CheckContents(path, map, name, file);
            }
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }

        return files;
    }

    /// <summary>The files that an index names.</summary>
    public static IEnumerable<string> FileNames(string path) => ReadMap(path).Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    private static Dictionary<string, string> ReadMap(string path)
    {
        var json = ConfigJson.Read(path, LargestIndex);
        if (json.Json["weight_map"] is not JsonObject { Count: > 0 } entries)
        {
            throw new CheckpointException($"{path}: key 'weight_map' is missing or empty; it must give each tensor's file.");
        }

        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tensor, value) in entries)
        {
            string file = value is JsonValue text && text.TryGetValue(out string? name)
                ? name
                : throw new CheckpointException($"{path}: weight_map['{tensor}'] is not a file name.");
            if (file.Length == 0 || file is "." or ".." || file.AsSpan().ContainsAny('/', '\\', '\0') || Path.IsPathRooted(file))
            {
                throw new CheckpointException($"{path}: weight_map['{tensor}'] names '{file}'; only files in the same folder are read.");
            }

            map[tensor] = file;
        }

        return map;
    }

    private static void CheckContents(string index, Dictionary<string, string> map, string name, IWeightFile file)
    {
        var held = file.Tensors.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (tensor, _) in map.Where(p => p.Value == name && !held.Contains(p.Key)))
        {
            throw new CheckpointException($"{file.Path}: tensor '{tensor}' is missing, though {index} puts it there. Fetch the model again.");
        }

        foreach (string tensor in held.Where(t => map.GetValueOrDefault(t) != name))
        {
            throw new CheckpointException($"{file.Path}: holds tensor '{tensor}', which {index} does not put there. Fetch the model again.");
        }
    }
}
