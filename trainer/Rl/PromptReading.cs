using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Rl;

/// <summary>
/// Reads the prompts of an on-policy recipe: the first tokens of reviews, cut as <c>client pairs</c> cuts them, or whole texts.
/// </summary>
internal static class PromptReading
{
    private const char Broken = '\uFFFD';

    /// <summary>The prompts in file order.</summary>
    /// <param name="settings">Files and cut.</param>
    /// <param name="tokenizer">The policy's tokenizer.</param>
    /// <param name="room">Tokens that a prompt may have: the model's context less the new tokens.</param>
    /// <exception cref="BadInputException">A prompt has more tokens than there is room for.</exception>
    public static IReadOnlyList<RolloutPrompt> Read(PromptSettings settings, TextTokenizer tokenizer, int room)
    {
        if (settings.Format == "reviews" && settings.MaxTokens > room)
        {
            throw TooLong($"prompts.max_tokens is {settings.MaxTokens}", room);
        }

        return settings.Format == "prompts" ? Whole(settings, tokenizer, room) : Openings(settings, tokenizer);
    }

    private static List<RolloutPrompt> Whole(PromptSettings settings, TextTokenizer tokenizer, int room)
    {
        List<RolloutPrompt> prompts = [];
        foreach (Prompt prompt in DataFiles.Find(settings.Files).SelectMany(Prompts.Read).Take(settings.Limit == 0 ? int.MaxValue : settings.Limit))
        {
            int[] ids = tokenizer.WithSpecialTokens(tokenizer.Encode(prompt.Text), end: false);
            prompts.Add(ids.Length <= room
                ? new RolloutPrompt(prompt.Id, ids, prompt.Text)
                : throw TooLong($"prompt '{prompt.Id}' has {ids.Length} tokens", room));
        }

        return prompts;
    }

    private static List<RolloutPrompt> Openings(PromptSettings settings, TextTokenizer tokenizer)
    {
        var selection = new ReviewSelection(settings.ExcludePairs, settings.ExcludeTexts, settings.ExcludeIds);
        List<RolloutPrompt> prompts = [];
        foreach (Review review in selection.Read(DataFiles.Find(settings.Files), settings.Limit, settings.CleanHtml, labels: false))
        {
            int[] ids = tokenizer.Encode(PromptCut.Opening(review.Text, settings.MaxTokens));
            int length = Math.Min(ids.Length, PromptCut.Length(review.Id, settings.MinTokens, settings.MaxTokens));
            if (ids.Length >= settings.MinTokens
                && WholeCharacters(tokenizer, review.Text, ids[..length], settings.MinTokens) is (int[] cut, string text))
            {
                prompts.Add(new RolloutPrompt($"{review.Id}#{cut.Length}", cut, text));
            }
        }

        return prompts;
    }

    /// <summary>Moves a cut inside a character's bytes back to the character's start; null where too few tokens remain.</summary>
    private static (int[] Ids, string Text)? WholeCharacters(TextTokenizer tokenizer, string source, int[] ids, int min)
    {
        for (; ids.Length >= min; ids = ids[..^1])
        {
            string text = tokenizer.Decode(ids);
            if (!text.Contains(Broken, StringComparison.Ordinal) || source.Contains(Broken, StringComparison.Ordinal))
            {
                return (ids, text);
            }
        }

        return null;
    }

    private static BadInputException TooLong(string what, int room) =>
        new($"{what}; the model's context leaves {Math.Max(0, room)} beside max_new_tokens. Shorten the prompts or lower max_new_tokens.");
}
