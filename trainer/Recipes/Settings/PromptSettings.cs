using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The prompts of an on-policy recipe: the openings of reviews, or a file of prompts.</summary>
internal sealed record PromptSettings : ReviewSettings
{
    private const int DefaultTokens = 10;

    [AllowedValues("reviews", "prompts")] public string Format { get; init; } = "reviews";
    [Range(1, 512)] public int MinTokens { get; init; } = DefaultTokens;
    [Range(1, 512)] public int MaxTokens { get; init; } = DefaultTokens;
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
