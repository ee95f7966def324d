using Rudder.Checkpoints;
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
/// <param name="Reference">log π_ref of completions and mismatched completions; null if the loss needs none.</param>
/// <param name="Mismatched">All completions under other prompts; null if the loss needs none.</param>
internal sealed record ScoredPairs(PreferenceData Data, IReference? Reference, MismatchedCompletions? Mismatched);

/// <summary>Loads what a recipe on judged completions starts from: the policy, the data and the reference's log-probs.</summary>
internal static class PreferenceSource
{
    /// <summary>The policy: a copy of <c>model</c>, without dropout unless the recipe sets it.</summary>
    public static ILanguageModel Policy(TrainingRecipe recipe, Device device)
    {
        if (recipe.Model is null || recipe.Architecture is not null)
        {
            throw new BadInputException("A preference run starts from a trained model: give model (its folder), and leave architecture out.");
        }

        if (recipe.Tokenizer is string folder) // its files go into the finished model's folder
        {
            TokenizerFit.Require(ModelSource.Tokenizer(folder, recipe.Model), folder, ModelConfig.Load(recipe.Model), recipe.Model);
        }

        ILanguageModel policy = ModelFolder.Load<ILanguageModel>(recipe.Model, device, recipe.Dropout ?? 0, recipe.UsesBf16);
        NamedParameters.FreezeBlocks(policy, recipe.FreezeBlocks);
        return ModelSource.Adapted(policy, recipe, recipe.Model);
    }

    /// <summary>The reference that follows the policy, if the recipe wants one.</summary>
    public static MovingReference? Moving(PreferenceRecipe recipe, ILanguageModel policy)
    {
        if (recipe.Reference is not { SyncEvery: > 0 } settings)
        {
            return null;
        }

        string folder = settings.Folder ?? recipe.Model!;
        ILanguageModel model = ModelFolder.Load<ILanguageModel>(folder, policy.Device, 0, policy.Products.Bf16);
        if (!model.Parameters.Select(Shape).SequenceEqual(policy.Parameters.Select(Shape)))
        {
            model.Dispose();
            throw new BadInputException(
                $"reference.sync_every is {settings.SyncEvery}, but the reference {folder} has other weights than the policy {recipe.Model}. "
                + "Give a reference of the policy's family and sizes.");
        }

        model.eval();
        return new MovingReference(model, settings);

        static string Shape(NamedParameter parameter) => $"{parameter.Name} [{string.Join(',', parameter.Value.shape)}]";
    }

    /// <summary>Gets the log-probs of a frozen reference if the loss needs them.</summary>
    /// <param name="data">The pairs.</param>
    /// <param name="maxLength">Maximum tokens of prompt and completion.</param>
    /// <param name="recipe">Reference and its cache.</param>
    /// <param name="policy">Its sizes, device and precision count.</param>
    /// <param name="loss">What it needs.</param>
    /// <param name="moving">A reference that is scored with every batch instead; null for a frozen one.</param>
    /// <param name="run">The run folder.</param>
    /// <param name="request">Shows progress.</param>
    public static ScoredPairs Score(
        PreferenceData data, int maxLength, PreferenceRecipe recipe, ILanguageModel policy, PreferenceLoss loss, MovingReference? moving,
        RunFolder run, RunRequest request)
    {
        MismatchedCompletions? others = loss.NeedsMismatched ? new MismatchedCompletions(data, maxLength) : null;
        IReference? reference = !loss.NeedsReference || moving is not null
            ? moving
            : Scored(recipe.Reference?.Folder ?? recipe.Model!, recipe.ReferenceCache, policy, data, others, run, request);
        return new ScoredPairs(data, reference, others);
    }

    /// <summary>The log-probs of a frozen reference, from the cache or by scoring, which frees the reference again.</summary>
    /// <param name="reference">Its folder.</param>
    /// <param name="cache">Folder of the cache; null for the one beside the run folder.</param>
    /// <param name="policy">Its vocabulary, device and precision count.</param>
    /// <param name="data">The completions.</param>
    /// <param name="others">Further completions; null for none.</param>
    /// <param name="run">The run folder.</param>
    /// <param name="request">Shows progress.</param>
    internal static ScoredReference Scored(
        string reference, string? cache, ILanguageModel policy, PreferenceData data, MismatchedCompletions? others, RunFolder run, RunRequest request)
    {
        string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(run.Path)); // "runs/a/" would be its own parent
        cache ??= Path.Combine(Path.GetDirectoryName(folder)!, "reference-cache");
        return new ScoredReference(ReferenceLogProbs.Obtain(reference, cache, policy, data, others, request));
    }
}
