using Rudder.Checkpoints;

namespace Rudder.Trainer.Runs;

/// <summary>A file, or part of a model folder, that a run depends on.</summary>
/// <param name="Name">Its role and path, for identity.json and messages.</param>
/// <param name="Hash">SHA-256, lower-case hexadecimal.</param>
internal sealed record RunInput(string Name, string Hash)
{
    /// <summary>Distinct files. Skips a missing file: its reader reports it.</summary>
    public static IEnumerable<RunInput> Files(IEnumerable<string> files) =>
        files.Distinct().Where(File.Exists).Select(file => new RunInput(file, FileHash.Sha256(file)));

    /// <summary>The tokenizer files in a folder.</summary>
    public static RunInput Tokenizer(string folder) => new($"tokenizer in {folder}", Fingerprint.OfTokenizer(folder));

    /// <summary>A frozen model: weights, config and tokenizer.</summary>
    /// <exception cref="CheckpointException">The folder holds no model.</exception>
    public static RunInput Reference(string folder) => new($"reference in {folder}", Fingerprint.OfFolder(folder));
}
