using System.ComponentModel;
using System.Diagnostics;
using Rudder.Client.Files;

namespace Rudder.Client.Processes;

/// <summary>
/// Remembers in a file which programs a run has started. When the run itself is killed, they live on; the next run stops
/// them, and only them: id and start time must both agree.
/// </summary>
/// <param name="path">processes.json of the run.</param>
/// <param name="log">Receives what is stopped.</param>
/// <param name="grace">Time that a stopped program has to finish; null is <see cref="GracefulEnd.Grace"/>.</param>
internal sealed class ProcessLedger(string path, Action<string> log, TimeSpan? grace = null)
{
    private static readonly TimeSpan Rounding = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();

    /// <summary>Notes a started program.</summary>
    public void Add(Process process)
    {
        if (StartOf(process) is { } started)
        {
            lock (_gate)
            {
                Save([.. Load(), new StartedProgram(process.Id, started, process.StartInfo.FileName)]);
            }
        }
    }

    /// <summary>Forgets a program that has ended.</summary>
    public void Remove(int id)
    {
        lock (_gate)
        {
            Save([.. Load().Where(entry => entry.Id != id)]);
        }
    }

    /// <summary>Stops what an earlier, killed run left.</summary>
    public async Task StopLeftoversAsync(CancellationToken cancel)
    {
        foreach (StartedProgram entry in Load())
        {
            using Process? left = Find(entry);
            if (left is not null)
            {
                log($"stopping {Path.GetFileName(entry.Program)} (process {entry.Id}), left by an interrupted run");
                await GracefulEnd.OfAsync(left, grace ?? GracefulEnd.Grace, cancel);
            }

            Remove(entry.Id);
        }
    }

    /// <summary>When it started; null where it has ended already, so that there is nothing to remember.</summary>
    private static DateTime? StartOf(Process process)
    {
        try
        {
            return process.StartTime.ToUniversalTime();
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception)
        {
            return null;
        }
    }

    private static Process? Find(StartedProgram entry)
    {
        Process? found = null;
        try
        {
            found = Process.GetProcessById(entry.Id);
            if ((found.StartTime.ToUniversalTime() - entry.Started).Duration() <= Rounding)
            {
                return found;
            }
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception)
        {
            // No process of that id.
        }

        found?.Dispose();
        return null;
    }

    private List<StartedProgram> Load() => File.Exists(path) ? StrictJson.Read<List<StartedProgram>>(path) : [];

    private void Save(List<StartedProgram> entries) => AtomicFile.WriteText(path, StrictJson.Format(entries));

    private sealed record StartedProgram(int Id, DateTime Started, string Program);
}
