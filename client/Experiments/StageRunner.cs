using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>
/// Runs the stages of one run. A stage is keyed by the hash of its inputs: unchanged and done, it is not run again;
/// unchanged and interrupted, it is resumed; changed, its folder is removed and it starts afresh.
/// </summary>
/// <param name="root">Folder of the run.</param>
/// <param name="log">Receives what is done and why.</param>
/// <param name="time">Clock.</param>
/// <param name="commit">Commit of the checkout, recorded with each stage that completes; null where there is none.</param>
internal sealed class StageRunner(string root, Action<string> log, TimeProvider time, string? commit = null)
{
    /// <summary>Folder of a stage.</summary>
    public string Folder(string stage) => Path.Combine(root, stage);

    /// <summary>Commit at which a stage's result was completed; null where that is not recorded.</summary>
    public string? CommitOf(string stage) => Marker(stage)?.Commit;

    /// <summary>Whether a stage's result is complete.</summary>
    public bool IsDone(string stage) => Marker(stage)?.State == StageMarker.Done;

    /// <summary>Removes the record of a stage and the results of the run, so that the stage runs again.</summary>
    public void Forget(string stage)
    {
        if (Marker(stage) is not null)
        {
            RemoveResults();
            File.Delete(MarkerPath(stage));
        }
    }

    /// <summary>Record of a stage's last attempt; null where it never ran.</summary>
    public StageMarker? Marker(string stage) => File.Exists(MarkerPath(stage)) ? StrictJson.Read<StageMarker>(MarkerPath(stage)) : null;

    /// <summary>Does <paramref name="body"/> unless its result is already there.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="inputs">All that the result depends on.</param>
    /// <param name="body">The work; gets the folder, in which an interrupted attempt with the same inputs may lie.</param>
    /// <param name="result">File in the folder whose hash is recorded, and checked before it is used again; null for none.</param>
    public async Task RunAsync(string stage, JsonObject inputs, Func<string, Task> body, string? result = null)
    {
        string folder = Folder(stage);
        string key = ContentHash.OfText(inputs.ToJsonString());
        StageMarker? before = Marker(stage);
        bool same = before?.Key == key && Directory.Exists(folder);
        if (same && before!.State == StageMarker.Done)
        {
            RequireUnchanged(before, result);
            log($"{stage}: unchanged, kept");
            return;
        }

        RemoveResults();
        if (!same && Directory.Exists(folder))
        {
            log(
                $"{stage}: {(before is null ? "no record of how it was made" : $"inputs changed ({Changes(before.Inputs, inputs)})")}, starting afresh"
            );
            File.Delete(MarkerPath(stage)); // first: a kill halfway through the folder must leave no record of it
            Remove(folder);
        }

        log($"{stage}: {(same ? "resuming" : "starting")}");
        Directory.CreateDirectory(folder);
        await TimeAsync(
            new StageMarker(
                stage, key, StageMarker.Running, inputs, same ? before!.Started : time.GetUtcNow(), null, same ? before!.Seconds : 0),
            result,
            () => body(folder));
    }

    /// <summary>Removes the folder of a stage, unless another program works in it.</summary>
    public static void Remove(string folder)
    {
        if (FolderLock.Delete(folder) is { } other)
        {
            throw new BadInputException($"{folder} is in use by {other} and cannot be removed; wait for it to end.");
        }
    }

    private void RequireUnchanged(StageMarker done, string? result)
    {
        if (result is not null && done.Sha256 is not null && ContentHash.OfFile(Path.Combine(Folder(done.Stage), result)) != done.Sha256)
        {
            throw new BadInputException(
                $"{Path.Combine(Folder(done.Stage), result)} was changed since stage {done.Stage} wrote it. Put its content back, or delete {Folder(done.Stage)} to make it again.");
        }
    }

    /// <summary>Removes the results of an earlier run, which describe other stages than the ones that follow.</summary>
    private void RemoveResults()
    {
        File.Delete(Path.Combine(root, RunSummary.FileName));
        File.Delete(Path.Combine(root, ReportWriter.FileName));
    }

    /// <summary>Runs the body between the markers of its start and its end; the time of interrupted attempts counts too.</summary>
    private async Task TimeAsync(StageMarker marker, string? result, Func<Task> body)
    {
        long started = time.GetTimestamp();
        double Seconds() => (marker.Seconds ?? 0) + time.GetElapsedTime(started).TotalSeconds;
        Write(marker);
        try
        {
            await body();
        }
        catch
        {
            Write(marker with { Seconds = Seconds() });
            throw;
        }

        string? hash = result is null ? null : ContentHash.OfFile(Path.Combine(Folder(marker.Stage), result));
        Write(marker with { State = StageMarker.Done, Finished = time.GetUtcNow(), Seconds = Seconds(), Commit = commit, Sha256 = hash });
        log($"{marker.Stage}: done in {time.GetElapsedTime(started).TotalSeconds:0.0} s");
    }

    private static string Changes(JsonObject before, JsonObject now) =>
        string.Join(
            ", ", before.Select(p => p.Key).Union(now.Select(p => p.Key)).Where(key => !JsonNode.DeepEquals(before[key], now[key])));

    private string MarkerPath(string stage) => Path.Combine(root, "stages", stage + ".json");

    private void Write(StageMarker marker) => AtomicFile.WriteText(MarkerPath(marker.Stage), StrictJson.Format(marker));
}
