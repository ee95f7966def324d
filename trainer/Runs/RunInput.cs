using System.Security.Cryptography;
using Rudder.Checkpoints;

namespace Rudder.Trainer.Runs;

/// <summary>Something a run reads and depends on: a file or a part of a model folder, with the hash of its content.</summary>
/// <param name="Name">What it is and where it lies, for inputs.json and messages.</param>
/// <param name="Hash">SHA-256, lower-case hexadecimal.</param>
internal sealed record RunInput(string Name, string Hash)
{
    /// <summary>Files, each once; a missing one is left to those who read it.</summary>
    public static IEnumerable<RunInput> Files(IEnumerable<string> files) =>
        files.Distinct().Where(File.Exists).Select(file => new RunInput(file, Sha256(file)));

    /// <summary>The tokenizer's files in a folder, whatever else lies there.</summary>
    public static RunInput Tokenizer(string folder) => new($"tokenizer in {folder}", Fingerprint.OfTokenizer(folder));

    /// <summary>A frozen model: weights, config and tokenizer.</summary>
    /// <exception cref="CheckpointException">The folder holds no model.</exception>
    public static RunInput Reference(string folder) => new($"reference in {folder}", Fingerprint.OfFolder(folder));

    private static string Sha256(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
