using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Adapters;

/// <summary>Adds a stored adapter to its base and writes the sum as a model folder.</summary>
internal static class AdapterMerge
{
    /// <summary>Writes the merged model under a temporary name and renames it.</summary>
    /// <param name="baseFolder">Model folder of the base; null: the one that adapter_config.json names.</param>
    /// <param name="adapter">Folder of the adapter.</param>
    /// <param name="output">The new model folder; must not exist, or be empty.</param>
    /// <param name="type">Precision of the stored weights.</param>
    /// <param name="finish">Adds to the folder before it is renamed, such as graphs; null for nothing.</param>
    /// <exception cref="CheckpointException">The adapter is damaged or does not fit the base.</exception>
    /// <exception cref="BadInputException">The output is not empty, or the base is not found.</exception>
    public static void Write(string? baseFolder, string adapter, string output, WeightType type, Action<string>? finish = null)
    {
        if (File.Exists(output) || (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any()))
        {
            throw new BadInputException($"The output {output} is not an empty folder. Give another --output.");
        }

        string folder = baseFolder ?? BaseOf(adapter);
        string temporary = Path.TrimEndingDirectorySeparator(output) + ".tmp";
        Remove(temporary);
        try
        {
            using (AdaptedModel model = Open(folder, adapter))
            {
                ModelFolder.Save(model, temporary, folder, type);
            }

            finish?.Invoke(temporary);
            Remove(output);
            Directory.Move(temporary, output);
        }
        finally
        {
            Remove(temporary);
        }
    }

    /// <summary>The base that an adapter names: a path relative to the adapter's folder or to the current one.</summary>
    /// <exception cref="BadInputException">It names none, or no folder is there.</exception>
    internal static string BaseOf(string adapter)
    {
        string file = Path.Combine(adapter, AdapterConfig.FileName);
        string name = AdapterConfig.Load(adapter).Base
            ?? throw new BadInputException($"{file} names no base model. Give its folder as --base.");
        return Array.Find([Path.Combine(adapter, name), name], folder => File.Exists(Path.Combine(folder, ModelFiles.Config)))
            ?? throw new BadInputException(
                $"{file} names the base '{name}', which holds no {ModelFiles.Config}, seen from the adapter's folder or the current one. "
                + "Give its folder as --base.");
    }

    /// <summary>The base with the adapter on it.</summary>
    private static AdaptedModel Open(string folder, string adapter)
    {
        var config = AdapterConfig.Load(adapter);
        ITrainableModel model = ModelFolder.Load<ITrainableModel>(folder, CPU, dropout: 0);
        try
        {
            if (config.IsClassifier && model is ILanguageModel body)
            {
                model = SequenceHead.On(body, Labels(adapter), folder);
            }

            var loaded = LoraAdapter.Load(model, adapter);
            return model is ILanguageModel language
                ? new AdaptedLanguageModel(language, loaded, folder)
                : new AdaptedClassifier((ISequenceClassifier)model, loaded, folder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>As many labels as the adapter's head has rows, under the names that Hugging Face gives them.</summary>
    private static string[] Labels(string adapter)
    {
        using var weights = AdapterConfig.OpenWeights(adapter);
        string name = LoraAdapter.Prefix + SequenceHead.WeightName;
        return weights.Contains(name) && weights[name].Shape is [long labels, _]
            ? [.. Enumerable.Range(0, checked((int)labels)).Select(i => $"LABEL_{i}")]
            : throw new CheckpointException(
                $"{weights.Path}: is the adapter of a classifier, but holds no head '{name}'. Train the head, too (modules_to_save).");
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
