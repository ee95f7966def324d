using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures;

/// <summary>Loads models from folders in Hugging Face layout and writes them back.</summary>
internal static class ModelFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Loads a model of any family.</summary>
    /// <typeparam name="TModel">The kind that is needed.</typeparam>
    /// <param name="folder">Model folder.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dropout">Replaces the configuration's dropout; null keeps it.</param>
    /// <param name="bf16">Whether its products run in bf16.</param>
    /// <exception cref="BadInputException">The folder holds a model of another kind.</exception>
    public static TModel Load<TModel>(string folder, Device device, double? dropout = null, bool bf16 = false)
        where TModel : ITrainableModel
    {
        var config = ModelConfig.Load(folder);
        IModelFamily family = ModelFamilies.Of(config.ModelType);
        IReadOnlyDictionary<string, float[]> weights = family.ReadWeights(folder, config);
        ITrainableModel created = family.Create(config, dropout, device);
        if (created is not TModel model)
        {
            created.Dispose();
            string needed = typeof(TModel) == typeof(ILanguageModel) ? "a language model" : "a text classifier";
            throw new BadInputException($"{folder} holds a {config.ModelType} {(config.IsClassifier ? "classifier" : "language model")}; {needed} is needed here.");
        }

        model.Fill(weights);
        model.Products.Bf16 = bf16;
        return model;
    }

    /// <summary>Writes config.json, model.safetensors, the tokenizer's files, and a language model's sampling settings.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">Created if absent.</param>
    /// <param name="tokenizer">Folder whose tokenizer files are copied; null for an ids-only model.</param>
    /// <param name="type">Precision of the stored weights.</param>
    public static void Save(ITrainableModel model, string folder, string? tokenizer, WeightType type)
    {
        Directory.CreateDirectory(folder);
        model.Config.Save(folder, type);
        SafetensorsWriter.Write(
            Path.Combine(folder, ModelFiles.Safetensors), model.Collect(), type, new Dictionary<string, string> { ["format"] = "pt" });
        if (tokenizer is not null)
        {
            TextTokenizer.CopyFiles(tokenizer, folder, model.Config.Context);
        }

        if (model is ILanguageModel)
        {
            AtomicFile.WriteText(Path.Combine(folder, ModelFiles.GenerationConfig), GenerationConfig(model.Config));
        }
    }

    // Sampling presets are always explicit: several programs default top_k to 50.
    private static string GenerationConfig(ModelConfig config) =>
        JsonSerializer.Serialize(
            new
            {
                bos_token_id = config.BosId,
                eos_token_id = config.EosId,
                do_sample = true,
                temperature = 1.0,
                top_k = 0,
                top_p = 1.0,
                max_length = config.Context,
            },
            Indented);
}
