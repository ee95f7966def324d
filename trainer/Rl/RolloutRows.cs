using Rudder.Trainer.Data;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>Arranges completions for forward passes.</summary>
internal static class RolloutRows
{
    /// <summary>Splits this process's part of a step's completions into passes of whole groups.</summary>
    /// <param name="ranks">The processes that share the step.</param>
    /// <param name="rollouts">Groups of <paramref name="samples"/> consecutive completions.</param>
    /// <param name="samples">Completions of a prompt.</param>
    /// <param name="sequences">Completions of a pass at most; a single group may have more.</param>
    /// <returns>The index of each pass's first completion, and its completions.</returns>
    public static IEnumerable<(int First, Rollout[] Rollouts)> Passes(Ranks ranks, IReadOnlyList<Rollout> rollouts, int samples, int sequences)
    {
        int size = Math.Max(1, sequences / samples) * samples;
        (int first, int groups) = ranks.Part(rollouts.Count / samples).GetOffsetAndLength(rollouts.Count / samples);
        return rollouts.Skip(first * samples).Take(groups * samples).Chunk(size).Select((pass, i) => ((first * samples) + (i * size), pass));
    }

    /// <summary>The completions as tensors. Token t of completion i comes before token t + 1, and all of i before i + 1.</summary>
    public static PreferenceTensors Tensors(IReadOnlyList<Rollout> rollouts, Device device) =>
        new(PreferenceBatch.OfCompletions([.. rollouts.Select(Row)]), device);

    /// <summary>One value per completion, repeated for each of its tokens. [N]</summary>
    public static Tensor PerToken(IReadOnlyList<Rollout> rollouts, IEnumerable<double> values, Device device) =>
        tensor(rollouts.Zip(values).SelectMany(pair => Enumerable.Repeat((float)pair.Second, pair.First.Ids.Length)).ToArray(), device: device);

    /// <summary>Values of all tokens, split by completion.</summary>
    /// <param name="perToken">In the order of <see cref="Tensors"/>. [N]</param>
    /// <param name="rollouts">The completions.</param>
    public static IEnumerable<T[]> Split<T>(T[] perToken, IReadOnlyList<Rollout> rollouts)
    {
        int start = 0;
        foreach (int length in rollouts.Select(rollout => rollout.Ids.Length))
        {
            yield return perToken[start..(start + length)];
            start += length;
        }
    }

    private static (PreferenceGroup Group, GroupCompletion Completion) Row(Rollout rollout, int row)
    {
        var completion = new GroupCompletion(row, rollout.SampleIndex, rollout.Ids);
        return (new PreferenceGroup(rollout.Prompt.Id, rollout.Prompt.Ids, [completion], []), completion);
    }
}
