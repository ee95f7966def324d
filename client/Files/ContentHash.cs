using System.Security.Cryptography;
using System.Text;

namespace Rudder.Client.Files;

/// <summary>SHA-256 of the inputs of stages and runs: texts, files, model folders.</summary>
internal static class ContentHash
{
    private const string Exported = "genai_"; // begins the name of the one file that the exporter writes beside config.json
    private static readonly string[] ModelFiles = [".json", ".safetensors", ".bin", ".txt"];

    /// <summary>Hash of a text, lower-case hex.</summary>
    public static string OfText(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Hash of a file's bytes.</summary>
    public static string OfFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path} does not exist.");
        }

        return FileHash.Sha256(path);
    }

    /// <summary>
    /// Hash over names and contents of a model folder's own files: config, weights, tokenizer. Exports (<c>onnx/</c>,
    /// the file of GenAI) and the model card do not count: they follow from the rest.
    /// </summary>
    public static string OfModelFolder(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "config.json")))
        {
            throw new BadInputException($"{folder} is not a model folder: config.json is missing.");
        }

        return OfFolder(folder);
    }

    /// <summary>Hash over names and contents of a folder's own configuration, weight and tokenizer files.</summary>
    public static string OfFolder(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new BadInputException($"The folder {folder} does not exist.");
        }

        IEnumerable<string> files = Directory
            .EnumerateFiles(folder)
            .Where(file => ModelFiles.Contains(Path.GetExtension(file)) && !Path.GetFileName(file).StartsWith(Exported, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        return OfText(string.Join('\n', files.Select(file => $"{Path.GetFileName(file)} {OfFile(file)}")));
    }
}
