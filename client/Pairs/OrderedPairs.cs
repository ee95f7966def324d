using Rudder.Preference.V1;

namespace Rudder.Client.Pairs;

/// <summary>All ordered pairs of one prompt's completions: n completions give up to n(n-1)/2, ties and equal completions are dropped.</summary>
internal sealed class OrderedPairs(SamplingPlan plan, string policyFingerprint, string classifierFingerprint)
{
    /// <summary>Pairs in the order (0,1), (0,2), … (n-2,n-1) of the sample indices; the one with the higher score is chosen.</summary>
    public IEnumerable<PreferencePair> Of(ScoredGroup group)
    {
        for (int i = 0; i < group.Completions.Count; i++)
        {
            for (int j = i + 1; j < group.Completions.Count; j++)
            {
                (ScoredCompletion a, ScoredCompletion b) = (group.Completions[i], group.Completions[j]);
                if (a.Score != b.Score && !a.Drawn.Ids.Equals(b.Drawn.Ids)) // equal completions can differ in score only by rounding
                {
                    yield return a.Score > b.Score ? Pair(group.Prompt, a, b) : Pair(group.Prompt, b, a);
                }
            }
        }
    }

    private PreferencePair Pair(CutPrompt prompt, ScoredCompletion chosen, ScoredCompletion rejected)
    {
        PreferencePair pair = new()
        {
            PromptId = prompt.Id,
            Prompt = prompt.Text,
            Chosen = chosen.Drawn.Text,
            Rejected = rejected.Drawn.Text,
            ChosenSample = ToProto(chosen),
            RejectedSample = ToProto(rejected),
            Settings = plan.ToProto(StableHash.Seed(plan.Seed, prompt.Id)),
            PolicyFingerprint = policyFingerprint,
            ClassifierFingerprint = classifierFingerprint,
        };
        pair.PromptIds.Add(prompt.Ids);
        return pair;
    }

    private static Scored ToProto(ScoredCompletion completion)
    {
        Scored scored = new()
        {
            SampleIndex = completion.Drawn.SampleIndex,
            Score = completion.Score,
            SumLogProb = completion.Drawn.SumLogProb,
        };
        scored.Ids.Add(completion.Drawn.Ids);
        return scored;
    }
}
