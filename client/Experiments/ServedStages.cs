using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>The stages that ask the service: pairs and evaluations.</summary>
/// <param name="run">The run they belong to.</param>
internal sealed class ServedStages(RunContext run)
{
    private const string ResultFile = "evaluation.json";

    /// <summary>File that an evaluation makes.</summary>
    public static string EvaluationFile(RunContext run, string stage) => Path.Combine(run.Stages.Folder(stage), ResultFile);

    /// <summary>Preference pairs: drawn from the reference and ranked by the classifier, or read from texts.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="wanted">What to make.</param>
    /// <param name="reference">Folder of the reference.</param>
    /// <param name="classifier">Folder of the classifier.</param>
    /// <param name="cancel">Stops between calls.</param>
    public Task PairsAsync(string stage, PairsStage wanted, string reference, string classifier, CancellationToken cancel)
    {
        SamplingPlan plan = new(wanted.Samples, wanted.MaxNewTokens, run.Variant.Seed);
        JsonObject inputs = wanted.Texts is { } texts
            ? new JsonObject { ["texts"] = StrictJson.ToNode(texts), ["content"] = run.Inputs.Contents(texts.Files) }
            : Inputs(classifier, wanted.Prompts!);
        inputs["policy"] = run.Inputs.Model(reference);
        inputs["sampling"] = wanted.Texts is null ? plan.ToJson() : null;
        inputs["limit"] = wanted.Limit;
        string output = PairFiles.PathIn(run.Root, stage);
        string all = wanted.Limit == 0 ? output : Path.Combine(run.Stages.Folder(stage), PairFiles.UncutName);
        async Task MakeAsync()
        {
            InferenceClient client = await run.Service.OpenAsync(cancel);
            string policy = await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel);
            run.Display.Line(
                wanted.Texts is { } given
                    ? $"{stage}: {await TextPairs.WriteAsync(client, policy, given, all, cancel)} pairs of texts"
                    : await DrawAsync(client, policy));
            if (wanted.Limit > 0)
            {
                AtomicFile.WriteText(output, string.Concat(File.ReadLines(all).Take(wanted.Limit).Select(line => line + "\n")));
            }
        }

        async Task<string> DrawAsync(InferenceClient client, string policy)
        {
            PairsSettings settings = new(
                policy, await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel), wanted.Prompts!, plan, all,
                run.Variant.PositiveLabel, wanted.Batch, wanted.InFlight);
            using ProgressDisplay progress = new(run.Display, stage, "prompts");
            PairsOutcome outcome = await new PairsJob(client, progress).RunAsync(settings, cancel);
            return $"{stage}: {outcome.Pairs} pairs of {outcome.Prompts} prompts";
        }

        return run.Stages.RunAsync(stage, inputs, _ => run.Service.UseAsync(MakeAsync), PairFiles.FileName);
    }

    /// <summary>Reward and KL of a policy.</summary>
    public Task EvaluateAsync(
        string stage, ServedPolicy policy, string reference, string classifier, EvaluationPlan plan, CancellationToken cancel)
    {
        string output = EvaluationFile(run, stage);
        JsonObject inputs = Inputs(classifier, plan.Prompts);
        inputs["policy"] = run.Inputs.Model(policy.Folder);
        inputs["reference"] = run.Inputs.Model(reference);
        inputs["evaluation"] = StrictJson.ToNode(plan with { Batch = 0, InFlight = 0 }); // speed, not result
        inputs["seed"] = run.Variant.Seed;
        async Task MeasureAsync()
        {
            InferenceClient client = await run.Service.OpenAsync(cancel);
            EvaluationSettings settings = new(
                await run.Service.LoadAsync(policy.Name, policy.Folder, cancel),
                await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel),
                await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel), plan, run.Variant.Seed, output,
                run.Variant.PositiveLabel);
            using ProgressDisplay progress = new(run.Display, stage, "prompts");
            await new EvaluationJob(client, progress).RunAsync(settings, cancel);
            if (policy.Name != RunContext.ReferenceName)
            {
                await run.Service.UnloadAsync(policy.Name, cancel);
            }
        }

        return run.Stages.RunAsync(stage, inputs, _ => run.Service.UseAsync(MeasureAsync), ResultFile);
    }

    private JsonObject Inputs(string classifier, PromptSource prompts) =>
        new()
        {
            ["classifier"] = run.Inputs.Model(classifier),
            ["positive_label"] = run.Variant.PositiveLabel,
            ["precision"] = run.Variant.Precision,
            ["prompts"] = StageInputs.Prompts(prompts),
        };
}
