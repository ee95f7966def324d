using System.CommandLine;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;

namespace Rudder.Trainer.Commands;

/// <summary>Builds <c>trainer models</c>: commands for model folders of other makers.</summary>
internal static class ModelsCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create() => new("models", "Fetches models from a Hugging Face-compatible hub.") { Pull() };

    private static Command Pull()
    {
        var name = new Argument<string>("name") { Description = "ORG/NAME, or ORG/NAME@REVISION with a branch, tag or commit." };
        var json = new Option<bool>("--json")
        {
            Description = "Print model, revision, commit, folder and fetched_bytes (size of the files completed now) as one JSON line.",
        };
        var command = new Command(
            "pull",
            "Fetches the files of a model that Rudder reads into the download cache, checks them, and prints the folder.\n"
            + "HF_ENDPOINT, HF_TOKEN and HF_HOME have their usual meaning.\n\nExample:\n  trainer models pull HuggingFaceTB/SmolLM2-135M-Instruct")
        {
            name, json,
        };
        command.SetAction(async (parsed, _) =>
        {
            using var stop = new StopSignal();
            return await Failures.RunAsync(() =>
            {
                Ranks.RequireAlone("models");
                var wanted = HubName.Parse(parsed.GetValue(name)!);
                HubModel model = HubPull.Run(wanted, Display.OnErrors(), stop.Token);
                Console.Out.WriteLine(parsed.GetValue(json) ? Line(wanted, model) : model.Folder);
            });
        });
        return command;
    }

    private static string Line(HubName name, HubModel model) => JsonSerializer.Serialize(
        new
        {
            model = name.Repository,
            revision = name.Revision,
            commit = model.Commit,
            folder = model.Folder,
            fetched_bytes = model.FetchedBytes,
        });
}
