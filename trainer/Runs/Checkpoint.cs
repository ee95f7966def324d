using System.Globalization;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Runs;

/// <summary>
/// Everything a run needs to go on exactly: weights, optimizer averages, torch's generator and the data cursor. A checkpoint is
/// written under a temporary name and renamed, so that a folder named step-N is always whole.
/// </summary>
internal static class Checkpoint
{
    private const string WeightsFile = "weights.safetensors";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string StateFile = "state.json";
    private static readonly JsonSerializerOptions Strict = new() { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>Saves a checkpoint and removes the oldest beyond <paramref name="keep"/>.</summary>
    public static void Save(
        RunFolder run, TrainingState state, IReadOnlyList<NamedParameter> parameters, IOptimizer optimizer, int keep)
    {
        Directory.CreateDirectory(run.Checkpoints);
        string final = FolderOf(run, state.Step);
        string temporary = final + ".tmp";
        Remove(temporary);
        Directory.CreateDirectory(temporary);
        Write(Path.Combine(temporary, WeightsFile), parameters.Select(p => (p.Name, (Tensor)p.Value)));
        Write(Path.Combine(temporary, OptimizerFile), optimizer.State.Select(s => (s.Name, s.Value)));
        var saved = new SavedState(state, optimizer.Steps, RandomState());
        AtomicFile.WriteText(Path.Combine(temporary, StateFile), JsonSerializer.Serialize(saved));
        Remove(final);
        Directory.Move(temporary, final);
        foreach (int old in Steps(run).OrderDescending().Skip(keep).ToList())
        {
            Remove(FolderOf(run, old));
        }
    }

    /// <summary>Loads the newest checkpoint into the parameters, the optimizer and torch's generator; a run that was stopped before its first begins anew.</summary>
    /// <returns>Where the run stood.</returns>
    public static TrainingState LoadNewest(RunFolder run, IReadOnlyList<NamedParameter> parameters, IOptimizer optimizer)
    {
        int step = Steps(run).DefaultIfEmpty(-1).Max();
        if (step < 0)
        {
            return run.HasTrained
                ? throw new BadInputException($"{run.Path} has trained before but holds no checkpoint, so it cannot continue. Its model, if any, is untouched; start a new run.")
                : TrainingState.Start;
        }

        string folder = FolderOf(run, step);
        using (Weights weights = Weights.OpenFile(Path.Combine(folder, WeightsFile)))
        {
            foreach (NamedParameter parameter in parameters)
            {
                NamedParameters.Fill(parameter, weights.ReadFloat32(parameter.Name, parameter.Value.shape));
            }
        }

        using (Weights averages = Weights.OpenFile(Path.Combine(folder, OptimizerFile)))
        using (no_grad())
        {
            foreach (NamedState state in optimizer.State)
            {
                using var scope = NewDisposeScope();
                state.Value.copy_(tensor(averages.ReadFloat32(state.Name, state.Value.shape)).reshape(state.Value.shape));
            }
        }

        SavedState saved = ReadState(folder);
        optimizer.Resume(saved.OptimizerSteps);
        using Tensor random = tensor(Convert.FromBase64String(saved.Random));
        set_rng_state(random);
        return saved.Training;
    }

    /// <summary>The steps that have a whole checkpoint.</summary>
    public static IEnumerable<int> Steps(RunFolder run) =>
        !Directory.Exists(run.Checkpoints)
            ? []
            : from folder in Directory.EnumerateDirectories(run.Checkpoints, "step-*")
              let name = Path.GetFileName(folder)
              where int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _)
              select int.Parse(name.AsSpan(5), CultureInfo.InvariantCulture);

    private static SavedState ReadState(string folder)
    {
        string path = Path.Combine(folder, StateFile);
        try
        {
            return JsonSerializer.Deserialize<SavedState>(File.ReadAllText(path), Strict)!;
        }
        catch (Exception damage) when (damage is JsonException or FileNotFoundException)
        {
            throw new BadInputException($"{path} is damaged or missing ({damage.Message}); remove {folder} to resume from the checkpoint before it, where one is kept.", damage);
        }
    }

    private static string FolderOf(RunFolder run, int step) =>
        Path.Combine(run.Checkpoints, string.Create(CultureInfo.InvariantCulture, $"step-{step}"));

    private static string RandomState()
    {
        using Tensor state = get_rng_state();
        return Convert.ToBase64String(state.bytes);
    }

    private static void Write(string path, IEnumerable<(string Name, Tensor Value)> tensors) =>
        SafetensorsWriter.Write(
            path,
            [.. tensors.Select(t => (t.Name, t.Value.shape, (ReadOnlyMemory<float>)NamedParameters.Values(t.Value)))],
            WeightType.F32);

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed record SavedState(TrainingState Training, int OptimizerSteps, string Random);
}
