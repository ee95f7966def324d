namespace Rudder.Engine.Generation;

/// <summary>Checks that a batch fits the model, before anything is queued.</summary>
internal static class RequestLimits
{
    /// <summary>Checks every prompt of a batch.</summary>
    /// <exception cref="GenerationRequestException">A value does not fit; names the field, the value and the limit.</exception>
    public static void Check(GenerationBatch batch, GeneratorInfo info, int maxSequences)
    {
        for (int i = 0; i < batch.Prompts.Count; i++)
        {
            Check(batch.Prompts[i], i, info);
        }

        long sequences = batch.Prompts.Sum(prompt => (long)prompt.Samples);
        if (sequences > maxSequences)
        {
            throw new GenerationRequestException("prompts", $"the request asks for {sequences} completions; at most {maxSequences} are taken at once. Split it.");
        }
    }

    /// <summary>Checks that ids lie in the vocabulary.</summary>
    /// <param name="field">The field, as the protocol names it.</param>
    /// <param name="ids">The ids.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    public static void CheckIds(string field, ReadOnlySpan<int> ids, int vocabulary)
    {
        int at = ids.IndexOfAnyExceptInRange(0, vocabulary - 1);
        if (at >= 0)
        {
            throw new GenerationRequestException(field, $"{field} holds id {ids[at]} at place {at}; the model knows ids 0 to {vocabulary - 1}.");
        }
    }

    private static void Check(PromptRequest prompt, int index, GeneratorInfo info)
    {
        string field = $"prompts[{index}]";
        if (prompt.PromptIds.Length == 0)
        {
            throw new GenerationRequestException(field, $"{field} is empty; give at least one id, for instance the model's end-of-text id.");
        }

        CheckIds(field, prompt.PromptIds, info.Vocabulary);
        if (prompt.Samples < 1)
        {
            throw new GenerationRequestException("n", $"n is {prompt.Samples}; it must be at least 1.");
        }

        int limit = info.Context - prompt.PromptIds.Length;
        if (limit < 1)
        {
            throw new GenerationRequestException(
                field, $"{field} has {prompt.PromptIds.Length} ids; prompt and completion together hold at most {info.Context}. Shorten the prompt.");
        }

        if (prompt.MaxNewTokens < 1 || prompt.MaxNewTokens > limit)
        {
            throw new GenerationRequestException(
                "settings.max_new_tokens",
                $"max_new_tokens is {prompt.MaxNewTokens}; the model takes 1 to {limit} tokens after a prompt of {prompt.PromptIds.Length}. Shorten the prompt or ask for fewer.");
        }
    }
}
