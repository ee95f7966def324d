using Rudder.Checkpoints;
using Rudder.Trainer.Export;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Finishes a run: writes the model folder, its card and, last, done.json.</summary>
internal static class FinishedRun
{
    /// <summary>The first process writes the model under a temporary name, exports it, renames it, and marks the run as done.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Write(
        RunFolder run,
        RunRequest request,
        TrainingRecipe recipe,
        TrainingSession session,
        IReadOnlyList<KeyValuePair<string, double>> evaluation,
        Action<string> saveModel)
    {
        Dictionary<string, object> final = Metrics(session, evaluation);
        if (!run.Ranks.IsFirst)
        {
            return final;
        }

        File.Delete(run.Done); // a resumed run may be finished: done.json must not outlive the model it describes
        string temporary = run.Model + ".tmp";
        Remove(temporary);
        saveModel(temporary);
        AtomicFile.WriteText(Path.Combine(temporary, ModelFiles.Card), ModelCard.Write(recipe, run, final));
        if (recipe.Export.Writes)
        {
            ModelExport.Run(temporary, recipe.Export, ComputeDevice.UseThreads(recipe.Threads));
        }

        Remove(run.Model); // only now: a failed save or export leaves the old model
        Directory.Move(temporary, run.Model);
        run.WriteDone(Fingerprint.OfFolder(run.Model), final);
        request.ShowResult("model", run.Model, final);
        return final;
    }

    private static Dictionary<string, object> Metrics(TrainingSession session, IReadOnlyList<KeyValuePair<string, double>> evaluation)
    {
        var final = new Dictionary<string, object>
        {
            ["steps"] = session.State.Step,
            ["num_tokens"] = session.State.Tokens,
            ["seconds"] = Math.Round(session.Seconds, 1),
        };
        foreach ((string name, double value) in evaluation)
        {
            final[(name.Contains('/', StringComparison.Ordinal) ? string.Empty : "eval/") + name] = value;
        }

        return final;
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
