using System.CommandLine;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Runs;
using Rudder.Trainer.Scoring;

namespace Rudder.Trainer.Commands;

/// <summary>Builds <c>trainer score</c>: rows of JSON in, log-probabilities or label probabilities out.</summary>
internal static class ScoreCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "Model folder.", Required = true };
        var engine = new Option<string>("--engine")
        {
            Description = "torch, or onnx (exports to a temporary folder first where the model has no graph). Default: torch.",
            DefaultValueFactory = _ => "torch",
        };
        engine.AcceptOnlyFromAmong("torch", "onnx");
        var input = new Option<string>("--input")
        {
            Description = "JSON lines: {\"prompt_ids\",\"completion_ids\"} for a language model, {\"input_ids\"} or {\"text\"} for a classifier; - is standard input.",
            Required = true,
        };
        var output = new Option<string>("--output") { Description = "JSON lines, one per row, in the same order; - is standard output.", Required = true };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means one per physical core. Default: 0." };
        var command = new Command(
            "score",
            "Scores token ids or texts without a service.\n\nExample:\n  trainer score --model models/imdb-mini --engine onnx --input rows.jsonl --output scores.jsonl")
        {
            model, engine, input, output, threads,
        };
        command.SetAction((parsed, _) => Failures.RunAsync(() =>
        {
            Ranks.RequireAlone("score");
            int used = ComputeDevice.UseThreads(parsed.GetValue(threads));
            int rows = ScoreFile.Run(
                parsed.GetValue(model)!, parsed.GetValue(engine) == "onnx", parsed.GetValue(input)!, parsed.GetValue(output)!, used);
            Console.Error.WriteLine($"{rows} rows scored");
        }));
        return command;
    }
}
