using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a policy on preference pairs against a reference: DPO and its relatives.</summary>
internal static class Preference
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(PreferenceRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. loss, device; the policy starts as a copy of `model`
        PreferenceLoss loss = recipe.BindLoss();
        Device device = ComputeDevice.Open(recipe.Device);
        int threads = ComputeDevice.UseThreads(recipe.Threads);
        using ILanguageModel policy = PreferenceSource.Policy(recipe, device);

        // 2. pairs as groups, with the log-prob of each completion under a frozen reference, which then leaves memory
        using MovingReference? moving = PreferenceSource.Moving(recipe, policy);
        var rows = new RowSource(recipe, policy.Config, run, request);
        ScoredPairs Scored(PreferenceData pairs) =>
            PreferenceSource.Score(pairs, rows.Limits.MaxLength, recipe, policy, loss, moving, run, request);
        ScoredPairs training = Scored(rows.Pairs(recipe.Pairs));
        ScoredPairs? heldOut = recipe.EvaluationPairs is null ? null : Scored(rows.Pairs(recipe.EvaluationPairs));
        run.WriteStart(recipe, request, threads, RecipeInputs.Of(recipe));

        // 3. optimizer; seed only now: building models draws random numbers, and a cached reference is not built
        manual_seed(recipe.Seed);
        run.Ranks.SeedDropout(recipe.Seed);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(policy.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        using RewardMean? rewardMean = loss.NeedsRewardMean ? new RewardMean() : null;
        NamedState[] more = [.. moving?.State ?? [], .. rewardMean is null ? [] : (NamedState[])[rewardMean.State]];
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, policy.Parameters, optimizer, more) : TrainingState.Start;
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(training.Data.Groups.Count, recipe.Batch.Groups, recipe.Batch.Accumulation);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, training.Data.Groups.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);
        IReadOnlyList<KeyValuePair<string, double>> cuts = rows.Counts(training.Data);
        session.LogData(cuts);

        // 4. the loop
        var update = new ClippedStep(recipe, trainable, optimizer, total, run.Ranks);
        PolicyKl? kl = heldOut is null || !loss.NeedsReference || recipe.KlPrompts == 0 || !run.Ranks.IsFirst // the others would draw the same
            ? null
            : new PolicyKl(heldOut.Data.Groups, recipe.KlPrompts, run.File("kl-policy"), recipe.Seed, threads);
        var parts = new Parts(recipe, run, loss, policy, training, heldOut, kl, moving, rewardMean, more, optimizer, update);
        Train(parts, session, total);

        // 5. last evaluation, model folder
        IReadOnlyList<KeyValuePair<string, double>> evaluation = session.FinalEvaluation(() => Evaluate(parts));
        return FinishedRun.Write(run, request, recipe, session, Final(session.LastTraining, evaluation, cuts), folder =>
            ModelSource.Save(policy, folder, recipe.Tokenizer ?? recipe.Model, recipe));
    }

    /// <summary>Steps until <paramref name="total"/>: accumulate, clip, step, log, evaluate, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total)
    {
        (PreferenceRecipe recipe, Ranks ranks) = (run.Recipe, run.Folder.Ranks);
        run.Policy.train();
        int plannedEpoch = -1;
        IReadOnlyList<IReadOnlyList<PreferenceGroup>> plan = [];
        while (session.State.Step < total)
        {
            if (plannedEpoch != session.State.Epoch)
            {
                plannedEpoch = session.State.Epoch;
                plan = GroupBatches.Epoch(run.Training.Data.Groups, recipe.Batch.Groups, recipe.Seed, plannedEpoch);
            }

            // 4a. forward and backward of this process's groups; every pair of the step has the same weight
            IReadOnlyList<PreferenceGroup>[] batches = [.. plan.Skip(session.State.Cursor * recipe.Batch.Accumulation).Take(recipe.Batch.Accumulation)];
            run.Policy.zero_grad();
            PreferenceMetrics metrics = Accumulate(ranks, recipe, run.Loss, run.Policy, run.Training, batches, run.RewardMean);

            // 4b. clip, step
            (double norm, double rate) = run.Update.Take(
                session.State.Step,
                metrics.Loss,
                batches.SelectMany(batch => batch).Select(group => group.PromptId),
                () => BrokenTensor.First(run.Policy, () => Accumulate(ranks, recipe, run.Loss, run.Policy, run.Training, batches, run.RewardMean)));

            // 4c. move the reference if that is due; log, evaluate, save, stop if requested
            session.Advance(metrics.Tokens, metrics.Loss, rate, norm, metrics.Rewards());
            run.Moving?.SyncIfDue(session.State.Step, run.Policy);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(Evaluate(run));
            }

            session.SaveIfDue(() =>
                Checkpoint.Save(run.Folder, session.State, run.Policy.Parameters, run.Optimizer, recipe.KeepCheckpoints, run.More));
        }
    }

    /// <summary>
    /// Runs forward and backward of each part. The gradients of all processes sum to that of the mean loss over the step's pairs.
    /// </summary>
    /// <remarks>
    /// Each part computes KTO's z over its own groups, so 32 parts of one group differ from one part of 32. BCO's δ covers the parts
    /// before it and its own. Recipes with a loss that compares pairs with each other have one part per step.
    /// </remarks>
    internal static PreferenceMetrics Accumulate(
        Ranks ranks,
        PreferenceRecipe recipe,
        PreferenceLoss loss,
        ILanguageModel policy,
        ScoredPairs training,
        IReadOnlyList<IReadOnlyList<PreferenceGroup>> parts,
        RewardMean? rewardMean = null)
    {
        int pairs = parts.Sum(part => part.Sum(group => group.Pairs.Count));
        double meanLength = PreferenceForward.MeanChosenLength(parts.SelectMany(part => part));
        var metrics = new PreferenceMetrics(loss.Beta);
        foreach (IReadOnlyList<PreferenceGroup> part in parts)
        {
            using var scope = NewDisposeScope();
            PreferenceGroup[] own = ranks.Part(part);
            PreferenceBatch? batch = own.Length > 0 ? PreferenceBatch.Of(own, ModeOf(recipe)) : null;
            PairLogProbs? sides = batch is null ? null : PreferenceForward.Pairs(policy, batch, training.Reference, meanLength);
            rewardMean?.Add(ranks, sides is null ? null : loss.Beta * sides.ChosenRatio, sides is null ? null : loss.Beta * sides.RejectedRatio);
            Tensor? mismatched = PreferenceForward.Mismatched(ranks, policy, own, training);
            if (sides is null || batch is null)
            {
                continue; // the last part of an epoch may have fewer groups than there are processes
            }

            Tensor perPair = loss.PerPair(sides with { Mismatched = mismatched, RewardMean = rewardMean?.Value(policy.Device) }); // [P]
            (perPair.sum() / pairs).backward();
            metrics.Add(sides, perPair, batch.Tokens);
        }

        metrics.Join(ranks);
        return metrics;
    }

    /// <summary>Loss, implicit rewards and KL on held-out pairs, without dropout or gradient; empty if the recipe holds none out.</summary>
    private static IReadOnlyList<KeyValuePair<string, double>> Evaluate(Parts run)
    {
        if (run.HeldOut is not { } heldOut)
        {
            return [];
        }

        run.Policy.eval();
        using IDisposable quiet = no_grad();
        var metrics = new PreferenceMetrics(run.Loss.Beta);
        double meanLength = PreferenceForward.MeanChosenLength(heldOut.Data.Groups);
        foreach (IReadOnlyList<PreferenceGroup> groups in GroupBatches.InOrder(heldOut.Data.Groups, run.Recipe.Batch.Groups))
        {
            using var scope = NewDisposeScope();
            PreferenceGroup[] own = run.Folder.Ranks.Part(groups);
            Tensor? mismatched = PreferenceForward.Mismatched(run.Folder.Ranks, run.Policy, own, heldOut);
            if (own.Length > 0)
            {
                var batch = PreferenceBatch.Of(own, ModeOf(run.Recipe));
                PairLogProbs sides = PreferenceForward.Pairs(run.Policy, batch, heldOut.Reference, meanLength) with
                {
                    Mismatched = mismatched,
                    RewardMean = run.RewardMean?.Value(run.Policy.Device),
                };
                metrics.Add(sides, run.Loss.PerPair(sides), batch.Tokens);
            }
        }

        metrics.Join(run.Folder.Ranks);
        string folder = run.Recipe.Reference?.Folder ?? run.Recipe.Model!;
        IReadOnlyList<KeyValuePair<string, double>>? kl =
            run.Moving is null ? run.Kl?.Measure(run.Policy, folder) : run.Kl?.Measure(run.Policy, run.Moving.Model);
        run.Policy.train();
        return [new("loss", metrics.Loss), .. metrics.Rewards(), .. kl ?? []];
    }

    /// <summary>The final metrics: those of the last step, of the last evaluation, and of the data.</summary>
    internal static List<KeyValuePair<string, double>> Final(
        IReadOnlyList<KeyValuePair<string, double>> last,
        IReadOnlyList<KeyValuePair<string, double>> evaluation,
        IReadOnlyList<KeyValuePair<string, double>> cuts) =>
    [
        .. last.Select(value => KeyValuePair.Create("train/" + value.Key, value.Value)),
        .. evaluation.Select(value => KeyValuePair.Create("eval/" + value.Key, value.Value)),
        .. cuts.Select(value => KeyValuePair.Create("data/" + value.Key, value.Value)),
    ];

    private static BatchMode ModeOf(PreferenceRecipe recipe) => recipe.Batch.Mode == "pair" ? BatchMode.Pair : BatchMode.Group;

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(
        PreferenceRecipe Recipe,
        RunFolder Folder,
        PreferenceLoss Loss,
        ILanguageModel Policy,
        ScoredPairs Training,
        ScoredPairs? HeldOut,
        PolicyKl? Kl,
        MovingReference? Moving,
        RewardMean? RewardMean,
        IReadOnlyList<NamedState> More,
        IOptimizer Optimizer,
        ClippedStep Update);
}
