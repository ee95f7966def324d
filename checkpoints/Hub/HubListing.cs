using System.Text.Json;

namespace Rudder.Checkpoints;

/// <summary>The files of a model at one commit.</summary>
/// <param name="Commit">40 lower-case hexadecimal digits.</param>
/// <param name="Files">All files, by name.</param>
internal sealed record HubListing(string Commit, IReadOnlyDictionary<string, HubFile> Files)
{
    /// <summary>Largest listing accepted, bytes.</summary>
    public const long Largest = 64L << 20;

    private static readonly string[] Small = [ModelFiles.Config, ModelFiles.ChatTemplate, .. ModelFiles.Tokenizer];

    /// <summary>Reads the answer of <c>/api/models/NAME/revision/REVISION?blobs=true</c>.</summary>
    /// <param name="json">The answer's body.</param>
    /// <param name="name">The model, for messages.</param>
    /// <exception cref="CheckpointException">The answer is damaged, or has hashes that cannot be used.</exception>
    public static HubListing Parse(ReadOnlyMemory<byte> json, HubName name)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 64 });
            JsonElement root = document.RootElement;
            string commit = Hex(root.GetProperty("sha").GetString(), 40, name, $"the commit");
            var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
            foreach (JsonElement entry in root.GetProperty("siblings").EnumerateArray())
            {
                string file = entry.GetProperty("rfilename").GetString()!;
                if (file.Length > 0 && !files.TryAdd(file, Entry(entry, file, name)))
                {
                    throw new CheckpointException($"{name}: the hub lists file '{file}' twice.");
                }
            }

            return new HubListing(commit, files);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new CheckpointException(
                $"{name}: the hub's list of files cannot be read ({e.Message}). Does HF_ENDPOINT name a Hugging Face hub?", e);
        }
    }

    /// <summary>The small files that Rudder reads, then the weights or their index, without the parts that the index names.</summary>
    /// <exception cref="CheckpointException">The repository holds no model.</exception>
    public IReadOnlyList<HubFile> Wanted(HubName name)
    {
        string weights = Array.Find(ModelFiles.Weights, Files.ContainsKey) ?? throw new CheckpointException(
            $"{name}: holds no weights; looked for {string.Join(", ", ModelFiles.Weights)} among {Files.Count} files.");
        return Files.ContainsKey(ModelFiles.Config)
            ? [.. Small.Where(Files.ContainsKey).Select(file => Files[file]), Files[weights]]
            : throw new CheckpointException(
                $"{name}: holds no {ModelFiles.Config} among {Files.Count} files, so it is not a model in Hugging Face layout.");
    }

    // A hash becomes a file's name in the cache, so anything but hexadecimal digits would be a path trick.
    private static HubFile Entry(JsonElement entry, string file, HubName name)
    {
        bool large = entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object;
        string hash = large
            ? Hex(lfs.GetProperty("sha256").GetString(), 64, name, $"file '{file}'")
            : Hex(entry.GetProperty("blobId").GetString(), 40, name, $"file '{file}'");
        long size = (large ? lfs : entry).GetProperty("size").GetInt64();
        return size >= 0
            ? new HubFile(file, size, hash)
            : throw new CheckpointException($"{name}: the hub gives file '{file}' {size} bytes.");
    }

    private static string Hex(string? text, int digits, HubName name, MessageText what) =>
        text?.Length == digits && text.All(c => c is (>= '0' and <= '9') or (>= 'a' and <= 'f'))
            ? text
            : throw new CheckpointException(
                $"{name}: the hub gives {what} the hash '{text}'; expected are {digits} lower-case hexadecimal digits.");
}
