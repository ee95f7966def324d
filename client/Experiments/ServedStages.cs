using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;

namespace Rudder.Client.Experiments;

/// <summary>The stages that ask the service: pairs and evaluations.</summary>
/// <param name="run">The run they belong to.</param>
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
        Task Body(string folder) => run.Service.UseAsync(() => DrawPairsAsync(reference, classifier, wanted, plan, output, cancel));
        await run.Stages.RunAsync(PairsName, inputs, Body, PairsFile);
        return output;
    }

    /// <summary>Reward and KL of a policy.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="reference">Folder of the reference.</param>
    /// <param name="classifier">Folder of the classifier.</param>
    /// <param name="wanted">Prompts and counts.</param>
    /// <param name="cancel">Stops between calls.</param>
    public async Task<EvaluatedPolicy> EvaluateAsync(
        string stage,
        ServedPolicy policy,
        string reference,
        string classifier,
        EvaluationStage wanted,
        CancellationToken cancel)
    {
        string output = Path.Combine(run.Stages.Folder(stage), EvaluationFile);
        JsonObject inputs = Inputs(classifier, wanted.Prompts);
        inputs["policy"] = run.Inputs.Model(policy.Folder);
        inputs["reference"] = run.Inputs.Model(reference);
        inputs["evaluation"] = StrictJson.ToNode(wanted with { Batch = 0, InFlight = 0 }); // speed, not result
        inputs["seed"] = run.Variant.Seed;
        Task Body(string folder) => run.Service.UseAsync(() => MeasureAsync(stage, policy, reference, classifier, wanted, output, cancel));
        await run.Stages.RunAsync(stage, inputs, Body, EvaluationFile);
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

    private async Task DrawPairsAsync(
        string reference,
        string classifier,
        PairsStage wanted,
        SamplingPlan plan,
        string output,
        CancellationToken cancel)
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

    private async Task MeasureAsync(
        string stage,
        ServedPolicy policy,
        string reference,
        string classifier,
        EvaluationStage wanted,
        string output,
        CancellationToken cancel)
    {
        InferenceClient client = await run.Service.OpenAsync(cancel);
        EvaluationSettings settings = new(
            await run.Service.LoadAsync(policy.Name, policy.Folder, cancel),
            await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel),
            await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel), wanted.Prompts, wanted.Samples, wanted.MaxNewTokens,
            run.Variant.Seed, output, wanted.Bootstrap, run.Variant.PositiveLabel, wanted.Batch, wanted.InFlight);
        using (ProgressDisplay progress = new(run.Display, stage, "prompts"))
        {
            await new EvaluationJob(client, progress).RunAsync(settings, cancel);
        }

        if (policy.Name != RunContext.ReferenceName)
        {
            await run.Service.UnloadAsync(policy.Name, cancel);
        }
    }
}
