using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;

namespace Rudder.Client.Experiments;

/// <summary>The stages that ask the service: pairs and evaluations.</summary>
internal sealed class ServedStages(RunContext run)
{
    private const string PairsName = "pairs";
    private const string PairsFile = "pairs.jsonl";
    private const string EvaluationFile = "evaluation.json";

    /// <summary>Preference pairs drawn from the reference.</summary>
    /// <returns>The pairs file.</returns>
    public async Task<string> PairsAsync(string reference, string classifier, CancellationToken cancel)
    {
        PairsStage wanted = run.Variant.Pairs;
        SamplingPlan plan = new(wanted.Samples, wanted.MaxNewTokens, run.Variant.Seed);
        string output = Path.Combine(run.Stages.Folder(PairsName), PairsFile);
        JsonObject inputs = Inputs(classifier, wanted.Prompts);
        inputs["policy"] = run.Inputs.Model(reference);
        inputs["sampling"] = plan.ToJson();
        async Task DrawAsync()
        {
            InferenceClient client = await run.Service.OpenAsync(cancel);
            PairsSettings settings = new(
                await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel),
                await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel), wanted.Prompts, plan, output,
                run.Variant.PositiveLabel, wanted.Batch, wanted.InFlight);
            using ProgressDisplay progress = new(run.Display, PairsName, "prompts");
            PairsOutcome outcome = await new PairsJob(client, progress).RunAsync(settings, cancel);
            run.Display.Line($"{PairsName}: {outcome.Pairs} pairs of {outcome.Prompts} prompts");
        }

        await run.Stages.RunAsync(PairsName, inputs, _ => run.Service.UseAsync(DrawAsync), PairsFile);
        return output;
    }

    /// <summary>Reward and KL of a policy.</summary>
    public async Task<EvaluatedPolicy> EvaluateAsync(
        string stage, ServedPolicy policy, string reference, string classifier, EvaluationPlan plan, CancellationToken cancel)
    {
        string output = Path.Combine(run.Stages.Folder(stage), EvaluationFile);
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

        await run.Stages.RunAsync(stage, inputs, _ => run.Service.UseAsync(MeasureAsync), EvaluationFile);
        return new EvaluatedPolicy(policy, output, EvaluationResult.Read(output));
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
