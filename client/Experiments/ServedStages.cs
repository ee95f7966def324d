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
    /// <summary>Preference pairs drawn from the reference.</summary>
    /// <returns>The pairs file.</returns>
    public async Task<string> PairsAsync(string reference, string classifier, CancellationToken cancel)
    {
        const string Stage = "pairs";
        PairsStage wanted = run.Variant.Pairs;
        SamplingPlan plan = new(wanted.Samples, wanted.MaxNewTokens, run.Variant.Seed);
        string output = Path.Combine(run.Stages.Folder(Stage), "pairs.jsonl");
        JsonObject inputs = new()
        {
            ["policy"] = run.Inputs.Model(reference),
            ["classifier"] = run.Inputs.Model(classifier),
            ["positive_label"] = run.Variant.PositiveLabel,
            ["precision"] = run.Variant.Precision,
            ["sampling"] = plan.ToJson(),
            ["prompts"] = StageInputs.Prompts(wanted.Prompts),
        };
        await run.Stages.RunAsync(Stage, inputs, async (_, _) =>
        {
            InferenceClient client = await run.Service.OpenAsync(cancel).ConfigureAwait(false);
            string policyName = await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel).ConfigureAwait(false);
            string classifierName = await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel).ConfigureAwait(false);
            PairsOutcome outcome = await new PairsJob(client, run.Progress(Stage)).RunAsync(
                new PairsSettings(policyName, classifierName, wanted.Prompts, plan, output, run.Variant.PositiveLabel, wanted.Batch, wanted.InFlight), cancel).ConfigureAwait(false);
            run.Log($"{Stage}: {outcome.Pairs} pairs of {outcome.Prompts} prompts");
        }).ConfigureAwait(false);
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
        string stage, ServedPolicy policy, string reference, string classifier, EvaluationStage wanted, CancellationToken cancel)
    {
        string output = Path.Combine(run.Stages.Folder(stage), "evaluation.json");
        JsonObject inputs = new()
        {
            ["policy"] = run.Inputs.Model(policy.Folder),
            ["reference"] = run.Inputs.Model(reference),
            ["classifier"] = run.Inputs.Model(classifier),
            ["positive_label"] = run.Variant.PositiveLabel,
            ["precision"] = run.Variant.Precision,
            ["evaluation"] = StageInputs.Of(wanted with { Batch = 0, InFlight = 0 }),
            ["seed"] = run.Variant.Seed,
            ["prompts"] = StageInputs.Prompts(wanted.Prompts),
        };
        await run.Stages.RunAsync(stage, inputs, async (_, _) =>
        {
            InferenceClient client = await run.Service.OpenAsync(cancel).ConfigureAwait(false);
            string referenceName = await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel).ConfigureAwait(false);
            string classifierName = await run.Service.LoadAsync(RunContext.ClassifierName, classifier, cancel).ConfigureAwait(false);
            string policyName = await run.Service.LoadAsync(policy.Name, policy.Folder, cancel).ConfigureAwait(false);
            EvaluationSettings settings = new(
                policyName, referenceName, classifierName, wanted.Prompts, wanted.Samples, wanted.MaxNewTokens, run.Variant.Seed, output,
                wanted.Bootstrap, run.Variant.PositiveLabel, wanted.Batch, wanted.InFlight);
            await new EvaluationJob(client, run.Progress(stage)).RunAsync(settings, cancel).ConfigureAwait(false);
            if (policyName != referenceName)
            {
                await run.Service.UnloadAsync(policy.Name, cancel).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
        return new EvaluatedPolicy(policy, output, StrictJson.Read<EvaluationResult>(output));
    }
}
