using System.Globalization;
using System.Text.Json;

namespace Rudder.Files;

/// <summary>Lets one program at a time work in a folder, across processes.</summary>
/// <remarks>
/// The operating system holds the lock on the file <c>.lock</c> and releases it when the process ends, however it ends: a killed
/// program never blocks the next one. <c>.lock.json</c> names the holder. Disposing the lock removes both files.
/// </remarks>
/// <example><code>
/// using FolderLock? held = FolderLock.TryTake("runs/sft", out string? other);
/// if (held is null) { Console.Error.WriteLine($"runs/sft is in use by {other}."); }
/// </code></example>
public sealed class FolderLock : IDisposable
{
    private const string LockName = ".lock";
    private const string HolderName = ".lock.json";
    private readonly FileStream _held;
    private readonly string _holder;

    private FolderLock(FileStream held, string holder)
    {
        _held = held;
        _holder = holder;
    }

    /// <summary>Takes the lock unless another program, or another lock of this one, has it.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="other">
    /// Where the lock is refused: the program and process that hold it. Where it is taken: the program that held it before and
    /// was killed, so that its work may be incomplete; otherwise null.
    /// </param>
    /// <returns>The lock, or null where it is held elsewhere.</returns>
    /// <exception cref="IOException">The folder is missing or cannot be written to.</exception>
    public static FolderLock? TryTake(string folder, out string? other)
    {
        string holder = Path.Combine(folder, HolderName);
        FileStream held;
        try
        {
            held = new FileStream(
                Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException busy) when (SharingViolation.Is(busy))
        {
            other = Describe(holder) ?? "another program";
            return null;
        }

        other = Describe(holder);
        string program = Path.GetFileNameWithoutExtension(Environment.GetCommandLineArgs()[0]);
        AtomicFile.WriteText(holder, JsonSerializer.Serialize(new Holder(program, Environment.ProcessId)));
        return new FolderLock(held, holder);
    }

    /// <summary>Deletes a folder with all that is in it, unless another program works there.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <returns>The program that holds the folder, which then stays as it is; null where it is deleted.</returns>
    /// <exception cref="IOException">The folder cannot be deleted, or another program entered it meanwhile.</exception>
    public static string? Delete(string folder)
    {
        using (FolderLock? held = TryTake(folder, out string? other))
        {
            if (held is null)
            {
                return other;
            }

            foreach (string inner in Directory.GetDirectories(folder))
            {
                Directory.Delete(inner, recursive: true);
            }

            foreach (string file in Directory.GetFiles(folder).Where(file => !Owns(file)))
            {
                File.Delete(file);
            }
        }

        Directory.Delete(folder);
        return null;
    }

    /// <summary>Whether a file of the folder belongs to its lock.</summary>
    /// <param name="path">A path inside the folder.</param>
    public static bool Owns(string path) => Path.GetFileName(path) is LockName or HolderName;

    /// <summary>Releases the lock.</summary>
    public void Dispose()
    {
        File.Delete(_holder);
        _held.Dispose();
    }

    private static string? Describe(string holder)
    {
        try
        {
            return JsonSerializer.Deserialize<Holder>(File.ReadAllText(holder)) is { } found
                ? string.Create(CultureInfo.InvariantCulture, $"{found.Program} (process {found.Process})")
                : null;
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // no file: nobody holds the lock, or its holder is just taking or releasing it
        }
    }

    private sealed record Holder(string Program, int Process);
}
