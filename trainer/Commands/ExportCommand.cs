using System.CommandLine;
using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Export;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Commands;

/// <summary>Builds <c>trainer export</c>: a model folder in, checked ONNX graphs out.</summary>
internal static class ExportCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var recipe = new Option<string?>("--recipe") { Description = "Recipe file (JSON; keys in docs/export.md)." };
        var model = new Option<string?>("--model") { Description = "Model or adapter folder; in place of a recipe, or of its model." };
        var adapted = new Option<string?>("--base") { Description = "Base of an adapter. Default: the one that adapter_config.json names." };
        var set = new Option<string[]>("--set")
        {
            Description = "Overrides a setting, e.g. --set int8=true. May be repeated.",
            DefaultValueFactory = _ => [],
        };
        var output = new Option<string?>("--output") 
        {
            Description = "Folder of the graphs. Default: onnx inside the model folder. For an adapter: the merged model's folder, required.",
        };
        var json = new Option<bool>("--json") { Description = $"Print {ExportReport.FileName} on standard output." };
        var command = new Command(
            "export",
            "Writes a model's ONNX graphs and accepts them only if they agree with the model.\n\nExample:\n  trainer export --model models/imdb-mini --set int8=true")
        {
            recipe, model, adapted, set, output, json,
        };
        command.SetAction((parsed, _) => Failures.RunAsync(() =>
        {
            Ranks.RequireAlone("export");
            string[] sets = parsed.GetValue(set)!;
            ExportRecipe settings = parsed.GetValue(recipe) is string path
                ? RecipeReader.Read<ExportRecipe>(path, sets)
                : RecipeReader.Parse<ExportRecipe>("{}", "the command line", sets);
            settings = settings with
            {
                Model = parsed.GetValue(model) ?? settings.Model,
                Base = parsed.GetValue(adapted) ?? settings.Base,
                Output = parsed.GetValue(output) ?? settings.Output,
            };
            Run(settings, parsed.GetValue(json));
        }));
        return command;
    }

    private static void Run(ExportRecipe recipe, bool json)
    {
        string model = recipe.Model ?? throw new BadInputException("No model is named. Give --model FOLDER, or a recipe with \"model\".");
        if (recipe.Base is not null && !AdapterConfig.IsAdapter(model))
        {
            throw new BadInputException($"base is {recipe.Base}, but {model} holds no {AdapterConfig.FileName}, so it has no base. Leave --base out.");
        }

        bool isAdapter = AdapterConfig.IsAdapter(model);
        ExportReport report = isAdapter
            ? Merged(model, recipe)
            : ModelExport.Run(model, recipe, ComputeDevice.UseThreads(recipe.Threads), recipe.Output);
        Display.OnErrors().Table(
            ["graph", "max |Δ log-prob|", "positions", "mean KL", "mean KL, bfloat16 cache", "limit"],
            report.Graphs.Select(graph => (string[])
                [graph.Key, .. new[] { graph.Value.MaxAbsDiff, graph.Value.Positions, graph.Value.MeanKl, graph.Value.MeanKlBf16Cache, graph.Value.Limit }.Select(Text)]));
        Console.Error.WriteLine(
            isAdapter ? $"merged model: {recipe.Output}" : $"graphs: {recipe.Output ?? Path.Combine(model, GraphFiles.Folder)}");
        if (json)
        {
            Console.Out.WriteLine(report);
        }

        static string Text(double? figure) => figure is double number ? number.ToString("g6", CultureInfo.InvariantCulture) : "–";
    }

    /// <summary>Merges an adapter into its base and exports the result, as one model folder.</summary>
    private static ExportReport Merged(string adapter, ExportRecipe recipe)
    {
        string output = recipe.Output ?? throw new BadInputException(
            $"{adapter} holds an adapter, which is merged before it is exported. Give --output FOLDER for the merged model and its graphs.");
        AdapterMerge.Write(
            recipe.Base, adapter, output, WeightType.F32, folder => ModelExport.Run(folder, recipe, ComputeDevice.UseThreads(recipe.Threads)));
        return ExportReport.Read(Path.Combine(output, GraphFiles.Folder));
    }
}
