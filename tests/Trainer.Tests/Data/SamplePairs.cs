using Rudder.Preference.V1;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

/// <summary>Small preference data for tests: prompts with n completions each, and every ordered pair of them.</summary>
internal static class SamplePairs
{
    /// <summary>Limits of the tiny GPT-2: vocabulary 512, 64 positions.</summary>
    public static SequenceLimits Limits { get; } = new(512, 64, 63, OverLength.Refuse);

    /// <summary>One pair.</summary>
    public static PreferencePair Pair(string prompt, int[] promptIds, (int Sample, int[] Ids) chosen, (int Sample, int[] Ids) rejected)
    {
        PreferencePair pair = new()
        {
            PromptId = prompt,
            ChosenSample = new Scored { SampleIndex = chosen.Sample },
            RejectedSample = new Scored { SampleIndex = rejected.Sample },
        };
        pair.PromptIds.Add(promptIds);
        pair.ChosenSample.Ids.Add(chosen.Ids);
        pair.RejectedSample.Ids.Add(rejected.Ids);
        return pair;
    }

    /// <summary>Prompts of 2 to 8 random ids with n completions of 3 to 12, and all n(n−1)/2 ordered pairs of each.</summary>
    public static List<PreferencePair> Random(int prompts, int samples, int seed, string name = "p")
    {
        Random random = new(seed);
        List<PreferencePair> pairs = [];
        for (int p = 0; p < prompts; p++)
        {
            int[] prompt = Ids(random, 2, 8);
            int[][] completions = [.. Enumerable.Range(0, samples).Select(_ => Ids(random, 3, 12))];
            for (int w = 0; w < samples; w++)
            {
                for (int l = w + 1; l < samples; l++)
                {
                    pairs.Add(Pair($"{name}{p}", prompt, (w, completions[w]), (l, completions[l])));
                }
            }
        }

        return pairs;
    }

    /// <summary>Groups pairs as if each stood on its own line.</summary>
    public static PreferenceData Group(IEnumerable<PreferencePair> pairs, SequenceLimits? limits = null) =>
        Group(pairs, new BadRows(skip: false), limits);

    /// <summary>The same, where bad rows may be left out.</summary>
    public static PreferenceData Group(IEnumerable<PreferencePair> pairs, BadRows badRows, SequenceLimits? limits = null) => PreferenceGrouping.Group(
        "pairs.jsonl", pairs.Select((pair, i) => ($"pairs.jsonl:{i + 1}", pair)), new CompletionEncoder(null), limits ?? Limits, badRows);

    private static int[] Ids(Random random, int least, int most) =>
        [.. Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => random.Next(0, 511))];
}
