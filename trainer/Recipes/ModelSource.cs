using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Finds the model and tokenizer a recipe starts from.</summary>
internal static class ModelSource
{
    /// <summary>The folder the tokenizer comes from.</summary>
    public static string TokenizerFolder(TrainingRecipe recipe)
    {
        if ((recipe.Model is null) == (recipe.Architecture is null))
        {
            throw new BadInputException("Give either model (a folder to start from) or architecture (sizes of a new model), not both and not neither.");
        }

        return recipe.Tokenizer ?? recipe.Model
            ?? throw new BadInputException("A new model needs tokenizer: a folder written by `trainer tokenizer`.");
    }

    /// <summary>The tokenizer in the folder.</summary>
    /// <param name="folder">A folder with a tokenizer.</param>
    /// <param name="model">The model that reads its ids; null where it is new and gets the tokenizer's vocabulary.</param>
    public static TextTokenizer Tokenizer(string folder, string? model = null) =>
        TextTokenizer.Load(folder, model is null ? null : ModelConfig.Load(model).VocabularySize) ?? throw new BadInputException($"{folder} holds no tokenizer ({ModelFiles.TokenizerJson}, or the older pair of vocabulary and merges).");

    /// <summary>The language model a recipe starts from; a new one has dropout 0 unless the recipe says otherwise.</summary>
    public static Gpt2 LanguageModel(TrainingRecipe recipe, TextTokenizer tokenizer, Device device)
    {
        if (recipe.Model is not null)
        {
            TokenizerFit.Require(tokenizer, TokenizerFolder(recipe), ModelConfig.Load(recipe.Model), recipe.Model);
            return ModelFolder.LoadGpt2(recipe.Model, device, recipe.Dropout);
        }

        ArchitectureSettings sizes = CheckedSizes(recipe);
        var config = new Gpt2Config
        {
            VocabularySize = tokenizer.VocabularySize,
            Context = sizes.Context,
            HiddenSize = sizes.HiddenSize,
            Layers = sizes.Layers,
            Heads = sizes.Heads,
            LayerNormEpsilon = 1e-5,
            BosId = tokenizer.EosId,
            EosId = tokenizer.EosId,
        }.WithDropout(recipe.Dropout ?? 0);
        return new Gpt2(config, null, device);
    }

    /// <summary>The classifier a recipe starts from; a new one has dropout 0 unless the recipe says otherwise.</summary>
    public static RobertaClassifier Classifier(ClassifierRecipe recipe, TextTokenizer tokenizer, Device device)
    {
        if (recipe.Model is not null)
        {
            ModelConfig start = ModelConfig.Load(recipe.Model);
            TokenizerFit.Require(tokenizer, TokenizerFolder(recipe), start, recipe.Model);
            RequireLabels(recipe, start);
            return ModelFolder.LoadRoberta(recipe.Model, device, recipe.Dropout);
        }

        ArchitectureSettings sizes = CheckedSizes(recipe);
        int pad = SpecialToken(tokenizer, "<pad>");
        var config = new RobertaConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            Context = sizes.Context,
            HiddenSize = sizes.HiddenSize,
            Layers = sizes.Layers,
            Heads = sizes.Heads,
            IntermediateSize = 4 * sizes.HiddenSize,
            TypeVocabularySize = 1,
            LayerNormEpsilon = 1e-5,
            Labels = recipe.Data.Labels,
            BosId = SpecialToken(tokenizer, "<s>"),
            PadId = pad,
            EosId = SpecialToken(tokenizer, "</s>"),
        }.WithDropout(recipe.Dropout ?? 0);
        return new RobertaClassifier(config, null, device);
    }

    /// <summary>Precision of the saved weights.</summary>
    public static WeightType SaveType(TrainingRecipe recipe) => recipe.SaveType == "fp16" ? WeightType.F16 : WeightType.F32;

    private static void RequireLabels(ClassifierRecipe recipe, ModelConfig start)
    {
        if (start is RobertaConfig classifier && !classifier.Labels.SequenceEqual(recipe.Data.Labels))
        {
            throw new BadInputException(
                $"data.labels is [{string.Join(", ", recipe.Data.Labels)}]; the model in {recipe.Model} has [{string.Join(", ", classifier.Labels)}]. "
                + "Give data.labels the model's names in its order.");
        }
    }

    private static ArchitectureSettings CheckedSizes(TrainingRecipe recipe)
    {
        ArchitectureSettings sizes = recipe.Architecture!;
        return sizes.HiddenSize % sizes.Heads == 0
            ? sizes
            : throw new BadInputException(
                $"architecture.hidden_size is {sizes.HiddenSize}, which architecture.heads = {sizes.Heads} does not divide.");
    }

    private static int SpecialToken(TextTokenizer tokenizer, string token) =>
        tokenizer.SpecialTokens.TryGetValue(token, out int id)
            ? id
            : throw new BadInputException($"The tokenizer has no {token}; a classifier needs one trained with family roberta.");
}
