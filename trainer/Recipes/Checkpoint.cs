using System.Runtime.InteropServices;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>The tensors that a run needs to resume exactly: weights, optimizer averages, what a recipe adds, and torch's generator.</summary>
internal static class Checkpoint
{
    private const string WeightsFile = "weights.safetensors";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string MoreFile = "more.safetensors";
    private const string RandomFile = "random.bin";

    /// <summary>Saves a checkpoint and removes the oldest beyond <paramref name="keep"/>. All processes call it; the first one writes.</summary>
    /// <param name="run">The run.</param>
    /// <param name="state">Its progress.</param>
    /// <param name="parameters">The trained weights.</param>
    /// <param name="optimizer">Its averages.</param>
    /// <param name="keep">Checkpoints kept.</param>
    /// <param name="more">Further float32 tensors that the recipe carries from step to step.</param>
    public static void Save(
        RunFolder run,
        TrainingState state,
        IReadOnlyList<NamedParameter> parameters,
        IOptimizer optimizer,
        int keep,
        IReadOnlyList<NamedState>? more = null)
    {
        using Tensor random = get_rng_state();
        byte[] generators = run.Ranks.Gather(random.bytes.ToArray()); // of every process
        if (!run.Ranks.IsFirst)
        {
            return;
        }

        CheckpointFolder.Save(run, state, keep, folder =>
        {
            Write(Path.Combine(folder, WeightsFile), parameters.Select(p => (p.Name, (Tensor)p.Value)));
            Write(Path.Combine(folder, OptimizerFile), optimizer.State.Select(s => (s.Name, s.Value)));
            if (more is { Count: > 0 })
            {
                Write(Path.Combine(folder, MoreFile), more.Select(s => (s.Name, s.Value)));
            }

            AtomicFile.Write(Path.Combine(folder, RandomFile), stream => stream.Write(generators));
        });
    }

    /// <summary>Loads the newest checkpoint into parameters, optimizer and generator. Without one the run starts over.</summary>
    /// <returns>The run's progress at that checkpoint.</returns>
    public static TrainingState LoadNewest(
        RunFolder run, IReadOnlyList<NamedParameter> parameters, IOptimizer optimizer, IReadOnlyList<NamedState>? more = null)
    {
        if (CheckpointFolder.OpenNewest(run) is not (string folder, TrainingState state))
        {
            return TrainingState.Start;
        }

        Read(Path.Combine(folder, WeightsFile), parameters.Select(p => (p.Name, (Tensor)p.Value)));
        Read(Path.Combine(folder, OptimizerFile), optimizer.State.Select(s => (s.Name, s.Value)));
        if (more is { Count: > 0 })
        {
            Read(Path.Combine(folder, MoreFile), more.Select(s => (s.Name, s.Value)));
        }

        optimizer.Resume(state.Step); // one optimizer step per training step
        RestoreRandom(Path.Combine(folder, RandomFile), run.Ranks);
        return state;
    }

    private static void Write(string path, IEnumerable<(string Name, Tensor Value)> tensors) =>
        SafetensorsWriter.Write(
            path,
            [.. tensors.Select(t => (t.Name, t.Value.shape, NamedParameters.View(t.Value)))],
            WeightType.F32);

    private static void Read(string path, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        using var saved = Weights.OpenFile(path);
        using IDisposable quiet = no_grad();
        foreach ((string name, Tensor value) in tensors)
        {
            using var scope = NewDisposeScope();
            value.copy_(tensor(saved.ReadFloat32(name, value.shape)).reshape(value.shape));
        }
    }

    private static void RestoreRandom(string path, Ranks ranks)
    {
        try
        {
            using Tensor random = tensor(ranks.Part(File.ReadAllBytes(path)));
            set_rng_state(random);
        }
        catch (ExternalException refused)
        {
            throw new BadInputException($"{path} does not hold a state of this libtorch's generator ({refused.Message}). Resume with the version of trainer that began the run.", refused);
        }
    }
}
