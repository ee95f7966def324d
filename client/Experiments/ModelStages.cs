using System.Globalization;
using System.Text.Json.Nodes;

namespace Rudder.Client.Experiments;

/// <summary>The stages that make models: fine-tuning, export of graphs, DPO.</summary>
internal sealed class ModelStages(RunContext run)
{
    /// <summary>Stage of the fine-tuning, and its run folder.</summary>
    public const string SftName = "sft";

    /// <summary>A number as it appears in names of stages and policies.</summary>
    public static string Text(double value) =>
        value is < 1e-3 or >= 1e4
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
        if (!File.Exists(Path.Combine(model.Folder, "config.json")))
        {
            throw new BadInputException(
                $"The model folder {Path.GetFullPath(model.Folder)} is missing (no config.json in it). {(model.Download is null ? "It belongs to the repository: run this from the root of a checkout." : $"Fetch it with: {model.Download}")}"
            );
        }
    }

    /// <summary>The policy after the fine-tuning that the variant asks for; its folder as it is where it asks for none.</summary>
    public async Task<string> FineTuneAsync(CancellationToken cancel)
    {
        Variant variant = run.Variant;
        if (variant.Sft is not { } sft)
        {
            return variant.Policy.Folder;
        }

        Dictionary<string, JsonNode> set = new(sft.Set ?? new Dictionary<string, JsonNode>())
        {
            ["model"] = variant.Policy.Folder,
            ["seed"] = variant.Seed,
        };
        AddGraphs(set, variant.Precision);
        JsonObject hashes = new()
        {
            ["model"] = run.Inputs.Model(variant.Policy.Folder),
            ["files"] = StageInputs.RecipeFiles(StageInputs.Recipe(sft.Recipe), set),
        };
        await TrainAsync("sft", SftName, sft.Recipe, set, hashes, cancel);
        return Path.Combine(run.Stages.Folder(SftName), "model");
    }

    /// <summary>A model folder with graphs, made from one that need not have them.</summary>
    public async Task<string> ExportAsync(string name, string folder, CancellationToken cancel)
    {
        string stage = $"export-{name}";
        string output = Path.Combine(run.Stages.Folder(stage), "model");
        JsonObject inputs = new() { ["model"] = run.Inputs.Model(folder), ["precision"] = run.Variant.Precision };
        await run.Stages.RunAsync(stage, inputs, async _ =>
        {
            await run.Service.StopAsync();
            Copy(folder, output);
            await run.Trainer.ExportAsync(stage, output, run.Variant.Precision, cancel);
        });
        return output;
    }

    /// <summary>A policy trained on the pairs.</summary>
    /// <returns>Its model folder.</returns>
    public async Task<string> DpoAsync(
        string stage,
        string reference,
        string pairs,
        double beta,
        double learningRate,
        CancellationToken cancel)
    {
        Variant variant = run.Variant;
        Dictionary<string, JsonNode> set = new(variant.Dpo.Set ?? new Dictionary<string, JsonNode>())
        {
            ["model"] = reference,
            ["reference"] = reference,
            ["pairs"] = pairs,
            ["beta"] = beta,
            ["seed"] = variant.Seed,
            ["optimizer.learning_rate"] = learningRate,
        };
        AddGraphs(set, variant.Precision);
        JsonObject hashes = new() { ["model"] = run.Inputs.Model(reference), ["pairs"] = Files.ContentHash.OfFile(pairs) };
        await TrainAsync("dpo", stage, variant.Dpo.Recipe, set, hashes, cancel);
        return Path.Combine(run.Stages.Folder(stage), "model");
    }

    /// <summary>The files of a model folder, not its graphs: what is exported lies in the run, and models stay as they are.</summary>
    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        }
    }

    private Task TrainAsync(
        string command,
        string stage,
        string recipe,
        Dictionary<string, JsonNode> set,
        JsonObject hashes,
        CancellationToken cancel)
    {
        JsonObject inputs = new()
        {
            ["command"] = command,
            ["recipe"] = StageInputs.Recipe(recipe),
            ["set"] = new JsonObject(set.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value.DeepClone()))),
            ["content"] = hashes,
        };
        return run.Stages.RunAsync(stage, inputs, async folder =>
        {
            await run.Service.StopAsync();
            await run.Trainer.TrainAsync(command, stage, recipe, set, folder, run.Device, cancel);
        });
    }
}
