using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Rpc;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>The stages that compare policies and reward models on held-out pairs.</summary>
/// <param name="run">The run they belong to.</param>
internal sealed class ComparisonStages(RunContext run)
{
    /// <summary>File in the folder of such a stage.</summary>
    public const string ResultFile = "comparison.json";

    private readonly ModelStages _models = new(run);

    private string HeldOut => PairFiles.PathIn(run.Root, PairFiles.HeldOut);

    /// <summary>Stage that compares a model.</summary>
    public static string StageOf(string model) => $"compare-{model}";

    /// <summary>A policy under the reward model of a stage.</summary>
    public Task PolicyAsync(ServedPolicy policy, string reference, string rewardModel, CancellationToken cancel)
    {
        string evaluation = ServedStages.EvaluationFile(run, ExperimentStages.EvaluationOf(policy));
        JsonObject inputs = Inputs(rewardModel, policy.Folder, reference, EvaluationJob.RowsPath(evaluation));
        return RunAsync(policy.Name, inputs, async (comparison, judge) =>
        {
            string loaded = await run.Service.LoadAsync(policy.Name, policy.Folder, cancel);
            string frozen = await run.Service.LoadAsync(RunContext.ReferenceName, reference, cancel);
            ComparisonResult result = await comparison.OfPolicyAsync(
                policy.Name, loaded, frozen, judge, PreferenceComparison.Rows(evaluation), cancel);
            if (policy.Name != RunContext.ReferenceName)
            {
                await run.Service.UnloadAsync(policy.Name, cancel);
            }

            return result;
        }, rewardModel, cancel);
    }

    /// <summary>A reward model's own accuracy.</summary>
    public Task RewardModelAsync(string rewardModel, CancellationToken cancel) =>
        RunAsync(
            rewardModel, Inputs(rewardModel),
            (comparison, judge) => comparison.OfRewardModelAsync(rewardModel, judge, cancel), rewardModel, cancel);

    private JsonObject Inputs(string rewardModel, params string[] others) =>
        new() { ["content"] = run.Inputs.Contents([HeldOut, _models.ModelOf(rewardModel), .. others]) };

    private Task RunAsync(
        string model,
        JsonObject inputs,
        Func<PreferenceComparison, string, Task<ComparisonResult>> measure,
        string rewardModel,
        CancellationToken cancel) =>
        run.Stages.RunAsync(StageOf(model), inputs, folder => run.Service.UseAsync(async () =>
        {
            InferenceClient client = await run.Service.OpenAsync(cancel);
            string judge = await run.Service.LoadAsync(rewardModel, _models.ModelOf(rewardModel), cancel);
            PreferenceComparison comparison = new(client, PreferenceComparison.Pairs(HeldOut));
            AtomicFile.WriteText(Path.Combine(folder, ResultFile), StrictJson.Format(await measure(comparison, judge)));
        }), ResultFile);
}
