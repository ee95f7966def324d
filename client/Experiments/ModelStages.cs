using System.Globalization;
using System.Text.Json.Nodes;

namespace Rudder.Client.Experiments;

/// <summary>The stages that make models: fine-tuning, export of graphs, trainings.</summary>
/// <param name="run">The run they belong to.</param>
internal sealed class ModelStages(RunContext run)
{
    /// <summary>Stage of the fine-tuning, and its run folder.</summary>
    public const string SftName = "sft";

    /// <summary>A number as it appears in names of stages and policies.</summary>
    public static string Text(double value) =>
        value is (> 0 and < 1e-3) or >= 1e4
            ? value.ToString("0.###e-0", CultureInfo.InvariantCulture)
            : value.ToString("0.####", CultureInfo.InvariantCulture);

    /// <summary>Asks a training for the int8 graphs that an int8 variant loads; The recipe itself decides about fp32 graphs.</summary>
    /// <param name="set">Recipe values by dotted path.</param>
    /// <param name="precision">fp32 or int8.</param>
    public static void AddGraphs(IDictionary<string, JsonNode> set, string precision)
    {
        if (precision == "int8")
        {
            set["export.int8"] = true;
        }
    }

    /// <summary>Refuses a model folder that is not there, with the command that fetches it.</summary>
    public static void Require(SourceModel model)
    {
        if (model.Folder is { } folder && !File.Exists(Path.Combine(folder, "config.json")))
        {
            throw new BadInputException(
                $"The model folder {Path.GetFullPath(folder)} is missing (no config.json in it). {(model.Download is null ? "It belongs to the repository: run this from the root of a checkout." : $"Fetch it with: {model.Download}")}"
            );
        }
    }

    /// <summary>Recipe values of the fine-tuning.</summary>
    public Dictionary<string, JsonNode> FineTuningValues()
    {
        Dictionary<string, JsonNode> set = new(run.Variant.Sft!.Set ?? new Dictionary<string, JsonNode>())
        {
            ["model"] = run.Variant.Policy!.Folder!,
            ["seed"] = run.Variant.Seed,
        };
        AddGraphs(set, run.Variant.Precision);
        return set;
    }

    /// <summary>A model folder with graphs, made from one that need not have them.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="folder">Model folder.</param>
    /// <param name="cancel">Stops the trainer.</param>
    public Task ExportAsync(string stage, string folder, CancellationToken cancel)
    {
        JsonObject inputs = new() { ["model"] = run.Inputs.Model(folder), ["precision"] = run.Variant.Precision };
        return run.Stages.RunAsync(stage, inputs, async _ =>
        {
            await run.Service.StopAsync();
            string output = ModelOf(stage);
            Copy(folder, output);
            await run.Trainer.ExportAsync(stage, output, run.Variant.Precision, cancel);
        });
    }

    /// <summary>One run of the trainer.</summary>
    /// <param name="command">sft, dpo, …</param>
    /// <param name="stage">Name of the stage, which becomes its run folder.</param>
    /// <param name="recipe">Recipe file.</param>
    /// <param name="set">Recipe values by dotted path.</param>
    /// <param name="cancel">Stops the trainer.</param>
    public Task TrainAsync(string command, string stage, string recipe, Dictionary<string, JsonNode> set, CancellationToken cancel)
    {
        JsonObject values = StageInputs.Recipe(recipe);
        JsonObject inputs = new()
        {
            ["command"] = command,
            ["recipe"] = values,
            ["set"] = new JsonObject(set.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value.DeepClone()))),
            ["content"] = run.Inputs.Contents(RecipeValues.Files(RecipeValues.With(values, set))),
        };
        return run.Stages.RunAsync(stage, inputs, async folder =>
        {
            await run.Service.StopAsync();
            await run.Trainer.TrainAsync(command, stage, recipe, set, folder, run.Device, cancel);
        });
    }

    /// <summary>Model folder that a stage makes.</summary>
    public string ModelOf(string stage) => Path.Combine(run.Stages.Folder(stage), "model");

    /// <summary>The files of a model folder, not its graphs: what is exported lies in the run, and models stay as they are.</summary>
    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        }
    }
}
