using System.Text.Json;
using Rudder.Checkpoints;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Loads models from folders in Hugging Face layout and writes them back.</summary>
internal static class ModelFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Loads a GPT-2 family model.</summary>
    /// <param name="folder">Model folder.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dropout">Replaces the configuration's dropout; null keeps it.</param>
    public static Gpt2 LoadGpt2(string folder, Device device, double? dropout = null)
    {
        if (ModelConfig.Load(folder) is not Gpt2Config config)
        {
            throw new BadInputException($"{folder} holds no GPT-2 family model (config.json says another model_type).");
        }

        IReadOnlyDictionary<string, float[]> weights = ModelWeights.LoadGpt2(folder, config);
        var model = new Gpt2(config, dropout, device);
        foreach (NamedParameter parameter in model.Parameters)
        {
            NamedParameters.Fill(parameter, weights[parameter.Name]);
        }

        return model;
    }

    /// <summary>Loads a RoBERTa sequence classifier.</summary>
    /// <param name="folder">Model folder.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dropout">Replaces the configuration's dropout; null keeps it.</param>
    public static RobertaClassifier LoadRoberta(string folder, Device device, double? dropout = null)
    {
        if (ModelConfig.Load(folder) is not RobertaConfig config)
        {
            throw new BadInputException($"{folder} holds no RoBERTa family classifier (config.json says another model_type).");
        }

        IReadOnlyDictionary<string, float[]> weights = ModelWeights.LoadRoberta(folder, config);
        var model = new RobertaClassifier(config, dropout, device);
        RobertaWeights.Fill(model, weights);
        return model;
    }

    /// <summary>Writes config.json, model.safetensors (names as the LM-head model saves them) and the tokenizer's files.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">Created if absent.</param>
    /// <param name="tokenizer">Folder whose tokenizer files are copied; null for an ids-only model.</param>
    /// <param name="type">Precision of the stored weights.</param>
    public static void Save(Gpt2 model, string folder, string? tokenizer, WeightType type)
    {
        var tensors = model.Parameters
            .Select(p => ("transformer." + p.Name, p.Value.shape, (ReadOnlyMemory<float>)NamedParameters.Values(p.Value)))
            .ToList();
        Write(model.Config, tensors, folder, tokenizer, type);
        AtomicFile.WriteText(Path.Combine(folder, ModelFiles.GenerationConfig), GenerationConfig(model.Config));
    }

    /// <summary>Writes config.json, model.safetensors and the tokenizer's files.</summary>
    /// <inheritdoc cref="Save(Gpt2, string, string?, WeightType)"/>
    public static void Save(RobertaClassifier model, string folder, string? tokenizer, WeightType type) =>
        Write(model.Config, RobertaWeights.Collect(model), folder, tokenizer, type);

    // Sampling presets are always explicit: several programs default top_k to 50.
    private static string GenerationConfig(Gpt2Config config) =>
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

    private static void Write(
        ModelConfig config,
        IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> tensors,
        string folder,
        string? tokenizer,
        WeightType type)
    {
        Directory.CreateDirectory(folder);
        config.Save(folder, type);
        SafetensorsWriter.Write(
            Path.Combine(folder, ModelFiles.Safetensors), tensors, type, new Dictionary<string, string> { ["format"] = "pt" });
        if (tokenizer is not null)
        {
            TextTokenizer.CopyFiles(tokenizer, folder, config.Context);
        }
    }
}
