using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The prompts of an on-policy recipe: the openings of reviews, or a file of prompts.</summary>
internal sealed record PromptSettings : ReviewSettings
{
    private const int DefaultTokens = 10;

    /// <summary>reviews takes each review's first tokens; prompts takes each text of a prompt file as it is.</summary>
    [AllowedValues("reviews", "prompts")] public string Format { get; init; } = "reviews";

    /// <summary>Only for reviews: fewest tokens of a prompt. Shorter reviews are left out.</summary>
    [Range(1, 512)] public int MinTokens { get; init; } = DefaultTokens;

    /// <summary>Only for reviews: most tokens. The length of each prompt depends on its id alone, as in <c>client pairs</c>.</summary>
    [Range(1, 512)] public int MaxTokens { get; init; } = DefaultTokens;

    /// <summary>Prompts held out for evaluation, spread evenly over the files.</summary>
    [Range(0, 1_000_000)] public int HeldOut { get; init; }

    /// <summary>Refuses settings that contradict each other or that nothing would read.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    internal void Check(string path)
    {
        if (MinTokens > MaxTokens)
        {
            throw new BadInputException($"{path}: prompts.min_tokens is {MinTokens}, above prompts.max_tokens = {MaxTokens}.");
        }

        bool ofReviews = CleanHtml || ExcludeIds is not null || ExcludePairs.Count + ExcludeTexts.Count > 0 || (MinTokens, MaxTokens) != (DefaultTokens, DefaultTokens);
        if (Format == "prompts" && ofReviews)
        {
            throw new BadInputException(
                $"{path}: prompts.format is 'prompts', whose texts are taken whole; min_tokens, max_tokens, clean_html and exclude_* belong to reviews. Leave them out.");
        }
    }
}
