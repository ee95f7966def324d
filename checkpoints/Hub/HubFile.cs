namespace Rudder.Checkpoints;

/// <summary>A file as a hub lists it.</summary>
/// <param name="Name">Its path in the repository, as the hub wrote it: never trust it as a path.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Hash">Lower-case hexadecimal: SHA-256 of a large file (64 digits), or git's blob hash of a small one (40 digits).</param>
internal sealed record HubFile(string Name, long Size, string Hash)
{
    /// <summary>Whether <see cref="Hash"/> is the SHA-256 of the content.</summary>
    public bool IsLarge => Hash.Length == 64;
}
