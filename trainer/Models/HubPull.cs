using Rudder.Checkpoints;

namespace Rudder.Trainer.Models;

/// <summary>Fetches models from the hub that the environment names, and shows progress.</summary>
internal static class HubPull
{
    private const long MiB = 1 << 20;

    /// <summary>Fetches a model, or finds it in the download cache.</summary>
    /// <param name="name">The model.</param>
    /// <param name="display">Gets progress.</param>
    /// <param name="stop">Stops the transfer; the next one resumes.</param>
    /// <exception cref="CheckpointException">The hub refuses, or sends something else than it lists.</exception>
    /// <exception cref="HubUnavailableException">The hub does not answer.</exception>
    /// <exception cref="InterruptedException"><paramref name="stop"/> fired.</exception>
    public static HubModel Run(HubName name, Display display, CancellationToken stop)
    {
        using var hub = new ModelHub(HubSettings.FromEnvironment());
        using var progress = new ProgressDisplay(display, $"pull {name}", "MiB");
        try
        {
            HubModel model = hub.PullAsync(name, new Bytes(progress), stop).GetAwaiter().GetResult();
            if (model.Note is not null)
            {
                display.Line(model.Note);
            }

            return model;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw new InterruptedException($"stopped while {name} was fetched; run the command again to resume");
        }
    }

    /// <summary>The folder that a recipe's <c>model</c> names. A folder that exists wins over the hub.</summary>
    /// <param name="model">A folder, or <c>ORG/NAME[@REVISION]</c>.</param>
    /// <param name="display">Gets progress.</param>
    /// <param name="stop">Stops the transfer.</param>
    /// <returns><paramref name="model"/>, or a folder in the download cache.</returns>
    /// <exception cref="BadInputException">It is neither a folder nor a model on the hub.</exception>
    public static string FolderOf(string model, Display display, CancellationToken stop)
    {
        if (Directory.Exists(model) || HubName.TryParse(model) is not { } name || !name.Repository.Contains('/', StringComparison.Ordinal))
        {
            return model;
        }

        try
        {
            return Run(name, display, stop).Folder;
        }
        catch (Exception refused) when (refused is CheckpointException or HubUnavailableException)
        {
            throw new BadInputException(
                $"model is '{model}': there is no such folder, and it cannot be fetched from a hub. {refused.Message}", refused);
        }
    }

    private sealed class Bytes(ProgressDisplay display) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value) =>
            display.Report((int)(value.Done / MiB), (int)Math.Max(1, value.Total / MiB));
    }
}
