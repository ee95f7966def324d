using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Loads the model and tokenizer that a recipe starts from.</summary>
internal static class ModelSource
{
    /// <summary>Folder of the adapter inside the finished model's.</summary>
    public const string AdapterFolder = "adapter";

    /// <summary>The tokenizer's folder.</summary>
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
    /// <param name="model">The model to check it against; null for a new model, which takes the tokenizer's vocabulary.</param>
    public static TextTokenizer Tokenizer(string folder, string? model = null) =>
        TextTokenizer.Load(folder, model is null ? null : ModelConfig.Load(model).VocabularySize) ?? throw new BadInputException($"{folder} holds no tokenizer ({ModelFiles.TokenizerJson}, or the older pair of vocabulary and merges).");

    /// <summary>Loads or creates the model and freezes its first blocks. A new model has dropout 0 unless the recipe sets it.</summary>
    /// <typeparam name="TModel">The kind of model that the recipe trains.</typeparam>
    /// <param name="recipe">Names a folder or the sizes of a new model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="labels">A classifier's labels in order; empty for a language model.</param>
    /// <param name="device">Where the parameters live.</param>
    public static TModel Model<TModel>(TrainingRecipe recipe, TextTokenizer tokenizer, IReadOnlyList<string> labels, Device device)
        where TModel : ITrainableModel
    {
        TModel model = recipe.Model is string folder ? Loaded<TModel>(recipe, folder, tokenizer, labels, device) : New<TModel>(recipe, tokenizer, labels, device);
        NamedParameters.FreezeBlocks(model, recipe.FreezeBlocks);
        return Adapted(model, recipe, recipe.Model);
    }

    /// <summary>Puts the adapter on a model that a recipe with <c>lora</c> trains.</summary>
    /// <typeparam name="TModel">The kind of model.</typeparam>
    /// <param name="model">The base; disposed if it takes no such adapter.</param>
    /// <param name="recipe">Its settings and seed.</param>
    /// <param name="folder">Folder of the base; not null with <c>lora</c>.</param>
    /// <returns>The model itself without <c>lora</c>.</returns>
    public static TModel Adapted<TModel>(TModel model, TrainingRecipe recipe, string? folder)
        where TModel : ITrainableModel
    {
        if (recipe.Lora is null)
        {
            return model;
        }

        try
        {
            var adapter = LoraAdapter.Create(model, recipe.Lora, recipe.Seed);
            ITrainableModel adapted = model is ILanguageModel language
                ? new AdaptedLanguageModel(language, adapter, folder!)
                : new AdaptedClassifier((ISequenceClassifier)model, adapter, folder!);
            return (TModel)adapted;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes a finished model's folder with the adapter merged, and the adapter itself into its folder <c>adapter</c>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">Created if absent.</param>
    /// <param name="tokenizer">Folder whose tokenizer files are copied; null for an ids-only model.</param>
    /// <param name="recipe">Precision of the weights.</param>
    public static void Save(ITrainableModel model, string folder, string? tokenizer, TrainingRecipe recipe)
    {
        ModelFolder.Save(model, folder, tokenizer, SaveType(recipe));
        if (model is AdaptedModel adapted)
        {
            adapted.Adapter.Save(Path.Combine(folder, AdapterFolder), adapted.Folder, SaveType(recipe));
        }
    }

    /// <summary>Precision of the saved weights.</summary>
    private static WeightType SaveType(TrainingRecipe recipe) => recipe.SaveType == "fp16" ? WeightType.F16 : WeightType.F32;

    private static TModel Loaded<TModel>(
        TrainingRecipe recipe, string folder, TextTokenizer tokenizer, IReadOnlyList<string> labels, Device device)
        where TModel : ITrainableModel
    {
        var start = ModelConfig.Load(folder);
        TokenizerFit.Require(tokenizer, TokenizerFolder(recipe), start, folder);
        return typeof(TModel) != typeof(ISequenceClassifier) || start.Labels.Count == 0 || start.Labels.SequenceEqual(labels)
            ? ModelFolder.Load<TModel>(folder, device, recipe.Dropout, recipe.UsesBf16)
            : throw new BadInputException(
                $"data.labels is [{string.Join(", ", labels)}]; the model in {folder} has [{string.Join(", ", start.Labels)}]. "
                + "Give data.labels the model's names in its order.");
    }

    private static TModel New<TModel>(TrainingRecipe recipe, TextTokenizer tokenizer, IReadOnlyList<string> labels, Device device)
        where TModel : ITrainableModel
    {
        ArchitectureSettings sizes = recipe.Architecture!;
        if (sizes.HiddenSize % sizes.Heads != 0)
        {
            throw new BadInputException(
                $"architecture.hidden_size is {sizes.HiddenSize}, which architecture.heads = {sizes.Heads} does not divide.");
        }

        IModelFamily family = ModelFamilies.For<TModel>(sizes.ModelType);
        var shape = new ModelShape(sizes.Layers, sizes.Heads, sizes.HiddenSize, sizes.Context, labels)
        {
            KeyValueHeads = sizes.KeyValueHeads,
            InnerSize = sizes.InnerSize,
        };
        ModelConfig config = family.Configure(shape, tokenizer).WithDropout(recipe.Dropout ?? 0);
        if (config.KeyValueHeads != (sizes.KeyValueHeads ?? sizes.Heads) || config.Heads % config.KeyValueHeads != 0)
        {
            throw new BadInputException(
                $"architecture.key_value_heads is {sizes.KeyValueHeads}; it must divide the {sizes.Heads} heads, and a family without grouped heads "
                + $"({config.ModelType} has {config.KeyValueHeads}) takes none.");
        }

        var model = (TModel)family.Create(config, null, device);
        model.Products.Bf16 = recipe.UsesBf16;
        return model;
    }
}
