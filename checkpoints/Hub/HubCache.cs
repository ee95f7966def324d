namespace Rudder.Checkpoints;

/// <summary>
/// One model's folder in a download cache, laid out as <c>huggingface_hub</c> does: blobs by hash, snapshots of links, refs.
/// </summary>
/// <param name="root">The cache, for example <c>~/.cache/huggingface/hub</c>.</param>
/// <param name="name">The model.</param>
internal sealed class HubCache(string root, HubName name)
{
    /// <summary>The model's folder.</summary>
    public string Folder { get; } = Path.Combine(root, name.CacheFolder);

    /// <summary>The snapshot of a commit.</summary>
    public string Snapshot(string commit) => Path.Combine(Folder, "snapshots", commit);

    /// <summary>A file's content.</summary>
    public string Blob(HubFile file) => Path.Combine(Folder, "blobs", file.Hash);

    /// <summary>Whether the content is there. Its hash was checked before it got its name.</summary>
    public bool Has(HubFile file) => new FileInfo(Blob(file)) is { Exists: true } blob && blob.Length == file.Size;

    /// <summary>The commit that the revision named when it was last fetched; null if it never was.</summary>
    public string? KnownCommit()
    {
        if (name.IsPinned)
        {
            return name.Revision;
        }

        string path = RefPath();
        string? commit = File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        return commit is { Length: 40 } && commit.All(char.IsAsciiHexDigitLower) ? commit : null;
    }

    /// <summary>The snapshot of the known commit if it holds config and weights; otherwise null.</summary>
    public string? KnownSnapshot() => KnownCommit() is { } commit && IsComplete(Snapshot(commit)) ? Snapshot(commit) : null;

    /// <summary>Records what the revision names now.</summary>
    public void WriteRef(string commit)
    {
        if (!name.IsPinned && KnownCommit() != commit)
        {
            AtomicFile.WriteText(RefPath(), commit);
        }
    }

    /// <summary>Makes files visible in a snapshot, in order: a new snapshot appears with all of them at once.</summary>
    public void Link(string commit, IReadOnlyList<HubFile> files)
    {
        string snapshot = Snapshot(commit);
        if (Directory.Exists(snapshot))
        {
            foreach (HubFile file in files.Where(file => !File.Exists(Path.Combine(snapshot, file.Name))))
            {
                LinkInto(snapshot, file);
            }

            return;
        }

        string temporary = Path.Combine(Folder, "snapshots", $".{commit}.tmp"); // beside its final place: the links are relative
        if (Directory.Exists(temporary))
        {
            Directory.Delete(temporary, recursive: true);
        }

        Directory.CreateDirectory(temporary);
        foreach (HubFile file in files)
        {
            LinkInto(temporary, file);
        }

        Directory.Move(temporary, snapshot);
    }

    private static bool IsComplete(string snapshot)
    {
        string? weights = Array.Find(ModelFiles.Weights, file => File.Exists(Path.Combine(snapshot, file)));
        return weights is not null && File.Exists(Path.Combine(snapshot, ModelFiles.Config))
            && (!weights.EndsWith(".index.json", StringComparison.Ordinal)
                || ShardIndex.FileNames(Path.Combine(snapshot, weights)).All(shard => File.Exists(Path.Combine(snapshot, shard))));
    }

    private void LinkInto(string snapshot, HubFile file)
    {
        string path = Path.Combine(snapshot, file.Name);
        try
        {
            File.CreateSymbolicLink(path, Path.Combine("..", "..", "blobs", file.Hash));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            AtomicFile.Write(path, copy => // a file system without links, or Windows without the right to make them
            {
                using FileStream blob = File.OpenRead(Blob(file));
                blob.CopyTo(copy);
            });
        }
    }

    private string RefPath() => Path.Combine([Folder, "refs", .. name.Revision.Split('/')]);
}
