using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Pairs ready to train or evaluate on.</summary>
/// <param name="Data">The groups.</param>
/// <param name="Reference">log π_ref of each completion row, then of the mismatched rows, nats; null if the loss needs none.</param>
/// <param name="Mismatched">Rows for the loss's reference point; null if it has none.</param>
internal sealed record ScoredPairs(PreferenceData Data, float[]? Reference, MismatchedCompletions? Mismatched);

/// <summary>Loads what a preference recipe starts from: the policy, the pairs and the reference's log-probs.</summary>
internal static class PreferenceSource
{
    /// <summary>The policy: a copy of <c>model</c>, without dropout unless the recipe sets it.</summary>
    public static ILanguageModel Policy(PreferenceRecipe recipe, Device device)
    {
        if (recipe.Model is null || recipe.Architecture is not null)
        {
            throw new BadInputException("A preference run starts from a trained model: give model (its folder), and leave architecture out.");
        }

        if (recipe.Tokenizer is string folder) // its files go into the finished model's folder
        {
            TokenizerFit.Require(ModelSource.Tokenizer(folder, recipe.Model), folder, ModelConfig.Load(recipe.Model), recipe.Model);
        }

        ILanguageModel policy = ModelFolder.Load<ILanguageModel>(recipe.Model, device, recipe.Dropout ?? 0);
        NamedParameters.FreezeBlocks(policy, recipe.FreezeBlocks);
        return policy;
    }

    /// <summary>Reads a pair file and gets the reference log-probs that the loss needs, then frees the reference.</summary>
    public static ScoredPairs Read(string file, PreferenceRecipe recipe, ILanguageModel policy, PreferenceLoss loss, RunFolder run, RunRequest request)
    {
        if (file.Length == 0)
        {
            throw new BadInputException("pairs is missing: give the file of preference pairs, as 'client pairs' writes it.");
        }

        SequenceLimits limits = Limits(recipe, policy.Config);
        PreferenceData data = PreferenceGrouping.Group(file, PreferencePairs.ReadNumbered(file), limits);
        Report(file, data, request);
        MismatchedCompletions? others = loss.NeedsBaseline ? new MismatchedCompletions(data, limits.MaxLength) : null;
        if (!loss.NeedsReference)
        {
            return new ScoredPairs(data, null, others);
        }

        string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(run.Path)); // "runs/a/" would be its own parent
        string cache = recipe.ReferenceCache ?? Path.Combine(Path.GetDirectoryName(folder)!, "reference-cache");
        float[] reference = ReferenceLogProbs.Obtain(
            recipe.Reference ?? recipe.Model!, cache, policy.Config.VocabularySize, data, others, policy.Device, request);
        return new ScoredPairs(data, reference, others);
    }

    /// <summary>The lengths that the recipe and the model allow.</summary>
    internal static SequenceLimits Limits(PreferenceRecipe recipe, ModelConfig model)
    {
        int length = recipe.MaxLength == 0 ? model.Context : recipe.MaxLength;
        if (length > model.Context || length < 2)
        {
            throw new BadInputException(
                $"max_length is {length}; the model's context is {model.Context} tokens. Give 2 to {model.Context}, or 0 for the whole context.");
        }

        int prompt = recipe.MaxPrompt == 0 ? length - 1 : recipe.MaxPrompt;
        return prompt < length
            ? new SequenceLimits(model.VocabularySize, length, prompt, recipe.OverLength == "truncate")
            : throw new BadInputException($"max_prompt is {prompt}; it must leave room for a completion within max_length = {length}. Give 1 to {length - 1}.");
    }

    private static void Report(string file, PreferenceData data, RunRequest request)
    {
        request.Progress.WriteLine($"{file}: {data.Pairs} pairs of {data.Completions} completions of {data.Groups.Count} prompts");
        if (data.TruncatedPrompts + data.TruncatedCompletions > 0)
        {
            request.Progress.WriteLine(
                $"{file}: cut to max_length and max_prompt: {data.TruncatedPrompts} prompts, {data.TruncatedCompletions} completions; "
                + $"{data.DroppedPairs} pairs dropped because cutting made them equal");
        }
    }
}
