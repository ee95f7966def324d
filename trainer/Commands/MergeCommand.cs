using System.CommandLine;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Parallel;

namespace Rudder.Trainer.Commands;

/// <summary>Builds <c>trainer merge</c>: a base and its adapter in, a model folder out.</summary>
internal static class MergeCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var model = new Option<string?>("--model", "--base") { Description = "Folder of the base. Default: the one that adapter_config.json names." };
        var adapter = new Option<string>("--adapter") { Description = "Folder of a LoRA adapter in PEFT's layout.", Required = true };
        var output = new Option<string>("--output") { Description = "The merged model's folder, new or empty.", Required = true };
        var type = new Option<string>("--save-type")
        {
            Description = "Type of the stored weights: fp32 or fp16. Default: fp32.",
            DefaultValueFactory = _ => "fp32",
        };
        type.AcceptOnlyFromAmong("fp32", "fp16");
        var command = new Command(
            "merge",
            "Adds a LoRA adapter to the weights of its base.\n\nExample:\n"
            + "  trainer merge --model models/imdb-mini --adapter runs/dpo/model/adapter --output models/merged")
        {
            model, adapter, output, type,
        };
        command.SetAction((parsed, _) => Failures.RunAsync(() =>
        {
            Ranks.RequireAlone("merge");
            string folder = parsed.GetValue(output)!;
            WeightType stored = parsed.GetValue(type) == "fp16" ? WeightType.F16 : WeightType.F32;
            AdapterMerge.Write(parsed.GetValue(model), parsed.GetValue(adapter)!, folder, stored);
            Console.Error.WriteLine($"merged model: {folder}");
        }));
        return command;
    }
}
