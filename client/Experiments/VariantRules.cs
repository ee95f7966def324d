using System.Text.RegularExpressions;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>The rules of a variant, checked before any work starts.</summary>
internal static partial class VariantRules
{
    /// <summary>Names become folders.</summary>
    public static void RequireName(string name, string key, string where) =>
        Require(FolderName().IsMatch(name), where, $"{key} is '{name}'; it must be lower-case letters, digits and dashes, e.g. imdb-dpo.");

    /// <summary>Throws an <see cref="BadInputException"/> that names the setting, its value and its limit.</summary>
    public static void Validate(Variant variant, string where)
    {
        Require(variant.Betas.Count > 0, where, "betas is empty; name at least one, e.g. [0.1].");
        Require(variant.Betas.All(beta => beta > 0), where, $"betas holds {variant.Betas.Min()}; every beta must be above 0.");
        Require(variant.Betas.Distinct().Count() == variant.Betas.Count, where, "betas holds a value twice.");
        Require(variant.Precision is "fp32" or "int8", where, $"precision is '{variant.Precision}'; it must be fp32 or int8.");
        Require(variant.Seed <= int.MaxValue, where, $"seed is {variant.Seed}; it must lie between 0 and {int.MaxValue}, the trainer's limit.");
        PromptLines.RequireLimits(variant.Pairs.Batch, variant.Pairs.InFlight);
        _ = new SamplingPlan(variant.Pairs.Samples, variant.Pairs.MaxNewTokens).Validated();
        Require(variant.Pairs.Samples >= 2, where, $"pairs.samples is {variant.Pairs.Samples}; a pair needs at least 2.");
        _ = variant.Evaluation.Validated();
        LearningRate(variant.LearningRate, $"{where}, learning_rate");
    }

    private static void LearningRate(LearningRateChoice choice, string where)
    {
        bool chosen = choice.Candidates is { Count: > 0 };
        Require(choice.Value is null == chosen, where, "give either value with its reason, or candidates with development.");
        Require(choice.Value is null or > 0, where, $"value is {choice.Value}; it must be above 0.");
        Require(chosen || !string.IsNullOrWhiteSpace(choice.Reason), where, "reason is missing; say how the value was chosen.");
        Require(!chosen || choice.Candidates!.All(rate => rate > 0), where, "candidates holds a value that is not above 0.");
        Require(
            !chosen || choice.Development is not null, where, "development is missing; candidates are compared on development prompts.");
        Require(
            choice.Beta > 0 && choice.KlLimit > 0, where, $"beta is {choice.Beta} and kl_limit is {choice.KlLimit}; both must be above 0.");
        _ = choice.Development?.Validated();
    }

    private static void Require(bool holds, string where, string message) => BadInputException.Unless(holds, $"{where}: {message}");

    [GeneratedRegex("^[a-z0-9][a-z0-9-]*$")]
    private static partial Regex FolderName();
}
