namespace Rudder.Checkpoints;

/// <summary>A model that was fetched from a hub, or found in the cache.</summary>
/// <param name="Folder">The model folder, in the cache. Never write into it.</param>
/// <param name="Commit">The commit that the revision names, 40 hexadecimal digits.</param>
/// <param name="FetchedBytes">Bytes that travelled now.</param>
/// <param name="Note">Why the folder may not be the newest; null if it is.</param>
public sealed record HubModel(string Folder, string Commit, long FetchedBytes, string? Note);

/// <summary>Fetches model folders from a Hugging Face-compatible hub into the download cache that <c>huggingface_hub</c> shares.</summary>
/// <remarks>Only files that Rudder reads are fetched. Every file is checked by size and hash before it gets its final name.</remarks>
/// <example><code>
/// using var hub = new ModelHub(HubSettings.FromEnvironment());
/// HubModel model = await hub.PullAsync(HubName.Parse("Qwen/Qwen2.5-0.5B-Instruct"));
/// ModelConfig config = ModelConfig.Load(model.Folder);
/// </code></example>
public sealed class ModelHub : IDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);
    private readonly HubSettings _settings;
    private readonly TimeProvider _time;
    private readonly HubConnection _connection;

    /// <summary>Opens a hub; nothing is sent yet.</summary>
    /// <param name="settings">Address, token and cache.</param>
    /// <param name="time">Clock of waits; null for the system's.</param>
    public ModelHub(HubSettings settings, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        (_settings, _time) = (settings, time ?? TimeProvider.System);
        _connection = new HubConnection(settings, _time);
    }

    /// <summary>Fetches a model, or finds it in the cache. A commit that is there, and an offline setting, need no network.</summary>
    /// <param name="name">The model.</param>
    /// <param name="progress">Gets bytes done and bytes in total, of the files that were missing.</param>
    /// <param name="stop">Stops the transfer. The next pull resumes where it stopped.</param>
    /// <exception cref="CheckpointException">
    /// No such model, no access, a file that differs from the hub's list, or an unusable answer.
    /// </exception>
    /// <exception cref="HubUnavailableException">The hub does not answer, and the cache does not hold the model.</exception>
    public async Task<HubModel> PullAsync(
        HubName name, IProgress<(long Done, long Total)>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        var cache = new HubCache(_settings.Cache, name);
        string? known = cache.KnownSnapshot();
        if (known is not null && (name.IsPinned || _settings.Offline))
        {
            return new HubModel(known, cache.KnownCommit()!, 0, null);
        }

        if (_settings.Offline)
        {
            throw new HubUnavailableException(
                $"{name} is not in {_settings.Cache}, and HF_HUB_OFFLINE is set. "
                + $"Unset the variable, or pull it elsewhere and copy the cache.");
        }

        HubListing listing;
        try
        {
            listing = await ListAsync(name, stop).ConfigureAwait(false);
        }
        catch (HubUnavailableException silent) when (known is not null)
        {
            return new HubModel(known, cache.KnownCommit()!, 0, $"{silent.Message} The cached folder of {name} is used.");
        }

        Directory.CreateDirectory(Path.Combine(cache.Folder, "blobs"));
        using FolderLock held = await LockAsync(cache.Folder, stop).ConfigureAwait(false);
        long bytes = await FetchAsync(name, cache, listing, progress, stop).ConfigureAwait(false);
        cache.WriteRef(listing.Commit);
        return new HubModel(cache.Snapshot(listing.Commit), listing.Commit, bytes, null);
    }

    /// <summary>The name of a folder in a download cache, as <c>ORG/NAME@COMMIT</c>; null for any other folder.</summary>
    /// <param name="folder">A model folder.</param>
    public static string? NameOf(string folder)
    {
        string[] parts = Path.GetFullPath(folder).Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries);
        return parts is [.., var model, "snapshots", var commit] && model.StartsWith("models--", StringComparison.Ordinal)
            ? HubName.TryParse($"{model["models--".Length..].Replace("--", "/", StringComparison.Ordinal)}@{commit}")?.ToString()
            : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private Task<HubListing> ListAsync(HubName name, CancellationToken stop) => _connection.GetAsync(
        _connection.Address($"api/models/{name.Repository}/revision/{Uri.EscapeDataString(name.Revision)}?blobs=true"),
        () => 0,
        async (answer, token) =>
        {
            using var content = new MemoryStream();
            Stream body = await answer.Content.ReadAsStreamAsync(token).ConfigureAwait(false);
            byte[] buffer = new byte[1 << 16];
            int read;
            while ((read = await _connection.ReadAsync(body, buffer, token).ConfigureAwait(false)) > 0)
            {
                content.Write(buffer, 0, read);
                if (content.Length > HubListing.Largest)
                {
                    throw new CheckpointException($"{name}: the hub's list of files has more than {HubListing.Largest} bytes.");
                }
            }

            return HubListing.Parse(content.ToArray(), name);
        },
        stop);

    /// <summary>Fetches what is missing: the small files and an index first, then the parts that the index names.</summary>
    private async Task<long> FetchAsync(
        HubName name, HubCache cache, HubListing listing, IProgress<(long Done, long Total)>? progress, CancellationToken stop)
    {
        List<HubFile> files = [.. listing.Wanted(name)];
        long travelled = 0;
        long done = 0;
        long total = 0;
        var download = new HubDownload(_connection, bytes =>
        {
            done += bytes;
            progress?.Report((done, total));
        });

        async Task FetchMissingAsync(IEnumerable<HubFile> wanted)
        {
            HubFile[] missing = [.. wanted.Where(file => !cache.Has(file)).DistinctBy(file => file.Hash)];
            total += missing.Sum(file => file.Size);
            RequireSpace(cache.Folder, missing.Sum(file => file.Size));
            foreach (HubFile file in missing)
            {
                await download.FetchAsync(AddressOf(name, listing.Commit, file), file, cache.Blob(file), stop).ConfigureAwait(false);
                travelled += file.Size;
            }
        }

        await FetchMissingAsync(files).ConfigureAwait(false);
        if (files[^1].Name.EndsWith(".index.json", StringComparison.Ordinal))
        {
            HubFile[] parts = [.. ShardIndex.FileNames(cache.Blob(files[^1])).Select(part =>
                listing.Files.GetValueOrDefault(part) ?? throw new CheckpointException(
                    $"{name}: {files[^1].Name} names '{part}', which the hub does not list. The repository is incomplete."))];
            await FetchMissingAsync(parts).ConfigureAwait(false);
            files.InsertRange(files.Count - 1, parts);
        }

        cache.Link(listing.Commit, files);
        return travelled;
    }

    private Uri AddressOf(HubName name, string commit, HubFile file) =>
        _connection.Address($"{name.Repository}/resolve/{commit}/{Uri.EscapeDataString(file.Name)}");

    private static void RequireSpace(string folder, long bytes)
    {
        if (!OperatingSystem.IsWindows() && new DriveInfo(folder).AvailableFreeSpace is var free && bytes > free)
        {
            throw new CheckpointException(
                $"{folder}: the model needs {bytes} bytes more, and the disk has {free} free. Free some, or set HF_HOME to another disk.");
        }
    }

    private async Task<FolderLock> LockAsync(string folder, CancellationToken stop)
    {
        while (true)
        {
            if (FolderLock.TryTake(folder, out _) is { } held)
            {
                return held;
            }

            await Task.Delay(BetweenLooks, _time, stop).ConfigureAwait(false); // another program fetches the same model
        }
    }
}
