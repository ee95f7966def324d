namespace Rudder.Datasets;

/// <summary>Finds the prompt that two whole texts share.</summary>
internal static class ImplicitPrompt
{
    private const string Answer = "\n\nAssistant:";

    /// <summary>
    /// Cuts dialogues as in HH-RLHF after their last "Assistant:", other texts where they begin to differ. There a blank goes to the
    /// completions, as in TRL's <c>extract_prompt</c>, and a surrogate pair stays whole.
    /// </summary>
    /// <returns>Null for dialogues that differ before the last answer.</returns>
    public static (string Prompt, string Chosen, string Rejected)? Cut(string chosen, string rejected)
    {
        if (AtLastAnswer(chosen, rejected) is { } dialogue)
        {
            return dialogue;
        }

        if (chosen.Contains(Answer, StringComparison.Ordinal) && rejected.Contains(Answer, StringComparison.Ordinal))
        {
            return null;
        }

        int shared = chosen.AsSpan().CommonPrefixLength(rejected);
        bool back = shared > 0 && (chosen[shared - 1] == ' ' || char.IsHighSurrogate(chosen[shared - 1]));
        shared -= back ? 1 : 0;
        return (chosen[..shared], chosen[shared..], rejected[shared..]);
    }

    /// <summary>Dialogues cut after their last "Assistant:"; null where they have none or differ before it.</summary>
    public static (string Prompt, string Chosen, string Rejected)? AtLastAnswer(string chosen, string rejected)
    {
        int end = chosen.LastIndexOf(Answer, StringComparison.Ordinal) + Answer.Length;
        int other = rejected.LastIndexOf(Answer, StringComparison.Ordinal) + Answer.Length;
        return end >= Answer.Length && end == other && chosen.AsSpan(0, end).SequenceEqual(rejected.AsSpan(0, end))
            ? (chosen[..end], chosen[end..], rejected[end..])
            : null;
    }
}
