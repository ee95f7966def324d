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
        Require(variant.Precision is "fp32" or "int8", where, $"precision is '{variant.Precision}'; it must be fp32 or int8.");
        Require(variant.Seed <= int.MaxValue, where, $"seed is {variant.Seed}; it must lie between 0 and {int.MaxValue}, the trainer's limit.");
        if (variant.Forecast is not null)
        {
            Require(
                variant == new Variant(variant.Description, Seed: variant.Seed, Forecast: variant.Forecast), where,
                "forecast stands beside other keys; such a variant has forecast alone.");
            return;
        }

        Require(variant.Policy is not null, where, "policy is missing; name the model folder to start from.");
        Require(variant.Classifier is not null, where, "classifier is missing; name the model folder whose P(positive) is the reward.");
        Require(variant.Policy!.Folder is not null, where, "policy.folder is missing; name the model folder to start from.");
        Classifier(variant, where);
        Require(variant.Evaluation is not null, where, "evaluation is missing; name the prompts that policies are judged on.");
        _ = variant.Evaluation!.Validated();
        Pairs(variant.Pairs, $"{where}, pairs");
        Pairs(variant.HeldOut, $"{where}, held_out");
        ShortForm(variant, where);
        TrainingRules.Validate(variant, where);
        Comparison(variant, where);
    }

    /// <summary>The rule of a learning rate.</summary>
    public static void LearningRate(LearningRateChoice choice, string where)
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

    /// <summary>Refuses a setting.</summary>
    public static void Require(bool holds, string where, string message) => BadInputException.Unless(holds, $"{where}: {message}");

    private static void Classifier(Variant variant, string where)
    {
        SourceModel classifier = variant.Classifier!;
        Require(classifier.Folder is null != classifier.Training is null, where, "classifier takes either folder or training.");
        if (classifier.Training is { } name)
        {
            bool usable = variant.AllTrainings() is [{ Kind: "reward", Sweep: null, Seeds: null } first, ..] && first.Name == name;
            Require(usable, where, $"classifier.training is '{name}'; it must be the first training, of kind reward, without sweep and seeds.");
            Require(
                variant is { Pairs: null or { Prompts: null }, HeldOut: null or { Prompts: null } }, where,
                "pairs.prompts are ranked by the classifier, which this run trains on pairs itself. Give texts instead.");
        }
    }

    private static void Comparison(Variant variant, string where)
    {
        if (variant.Comparison is { RewardModel: var name })
        {
            bool usable = variant.AllTrainings().Any(training => training is { Kind: "reward", Sweep: null } && training.Name == name);
            Require(usable, where, $"comparison.reward_model is '{name}', but there is no training of kind reward with this name and without a sweep.");
            Require(variant.HeldOut is not null, where, "comparison needs held_out, the pairs on which models are compared.");
        }
    }

    private static void ShortForm(Variant variant, string where)
    {
        object?[] parts = [variant.Dpo, variant.Betas, variant.LearningRate];
        Require(
            parts.All(part => part is null) || parts.All(part => part is not null), where,
            "dpo, betas and learning_rate belong together; give all three, or trainings instead.");
        if (variant.Betas is { } betas)
        {
            Require(betas.Count > 0, where, "betas is empty; name at least one, e.g. [0.1].");
            Require(betas.All(beta => beta > 0), where, $"betas holds {(betas.Count > 0 ? betas.Min() : 0)}; every beta must be above 0.");
            Require(betas.Distinct().Count() == betas.Count, where, "betas holds a value twice.");
            LearningRate(variant.LearningRate!, $"{where}, learning_rate");
        }
    }

    private static void Pairs(PairsStage? pairs, string where)
    {
        if (pairs is not null)
        {
            Require(pairs.Prompts is null != pairs.Texts is null, where, "give either prompts, whose completions are ranked, or texts.");
            Require(pairs.Limit >= 0, where, $"limit is {pairs.Limit}; it must be 0 (all) or more.");
            Require(pairs.Texts is null or { Files.Count: > 0 }, where, "texts.files is empty; name at least one file.");
            PromptLines.RequireLimits(pairs.Batch, pairs.InFlight);
            _ = new SamplingPlan(pairs.Samples, pairs.MaxNewTokens).Validated();
            Require(pairs.Samples >= 2, where, $"samples is {pairs.Samples}; a pair needs at least 2.");
        }
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9-]*$")]
    private static partial Regex FolderName();
}
