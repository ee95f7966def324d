using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>
/// Online DPO, arXiv:2402.04792: n completions of each prompt, scored; all ordered pairs without ties go through a preference loss.
/// </summary>
internal static class OnlineDpo
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(OnlineDpoRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. policy, frozen reference, prompts, rewards
        using var world = new OnPolicyRun(recipe, run, request);
        run.WriteStart(recipe, request, world.Threads, RecipeInputs.Of(recipe));

        // 2. optimizer; a step without a pair takes no optimizer step, so a checkpoint holds their number
        manual_seed(recipe.Seed);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(world.Policy.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        using var updates = new CarriedNumbers(1);
        TrainingState state = run.Resumed
            ? Checkpoint.LoadNewest(run, world.Policy.Parameters, optimizer, [updates.State])
            : TrainingState.Start;
        optimizer.Resume((int)updates[0]);
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(world.Prompts.Count, recipe.Batch.Prompts, 1);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, world.Prompts.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);

        // 3. the engine gets the weights of this step
        world.StartEngine(state.Step);

        // 4. the loop
        var parts = new Parts(recipe, recipe.BindLoss(), world, new ClippedStep(recipe, trainable, optimizer, total, run.Ranks));
        Train(parts, session, total, request.Clock, Save);

        // 5. last evaluation, model folder
        return world.Finish(session, Save);

        void Save()
        {
            updates[0] = optimizer.Steps;
            Checkpoint.Save(run, session.State, world.Policy.Parameters, optimizer, recipe.KeepCheckpoints, [updates.State]);
        }
    }

    /// <summary>Steps until <paramref name="total"/>: draw, score, rank, train, update the engine, log, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total, TimeProvider clock, Action save)
    {
        (OnlineDpoRecipe recipe, OnPolicyRun world) = (run.Recipe, run.World);
        world.Policy.train();
        while (session.State.Step < total)
        {
            var times = new StepTimes(clock);

            // 4a. n completions of each prompt, their rewards, and all pairs that these order
            IReadOnlyList<Rollout> rollouts = times.Measure("rollout", () => world.Draw(session, save));
            RewardScores scores = times.Measure("reward", () => world.Score(rollouts, session, save));
            IReadOnlyList<(int Chosen, int Rejected)> pairs = RankedPairs.Of(rollouts, scores.Total, recipe.Batch.Samples);

            // 4b. each completion runs once through policy and reference; every pair has the same weight
            var statistics = new RolloutStatistics();
            PreferenceMetrics metrics = times.Measure("train", () => Accumulate(run, rollouts, pairs, statistics));
            statistics.RequireOnPolicy(session.State.Step + 1, recipe.MaxLogpGap);

            // 4c. clip, step, unless every pair was a tie; the next step's completions come from the new weights
            (double loss, double norm, double rate) = (0, 0, 0);
            if (pairs.Count > 0)
            {
                loss = metrics.Loss;
                (norm, rate) = times.Measure(
                    "train", () => run.Step.Take(session.State.Step, loss, OnPolicyRun.PromptIds(rollouts), FirstBroken));
            }

            times.Measure("update_weights", () => world.UpdateEngine(session.State.Step + 1));

            // 4d. log, evaluate, save, stop if requested
            long drawn = rollouts.Sum(rollout => (long)rollout.Ids.Length);
            KeyValuePair<string, double>[] all =
            [
                .. scores.Metrics(), new("objective/pairs", pairs.Count), .. pairs.Count > 0 ? metrics.Rewards() : [],
                .. statistics.Metrics(), .. times.Metrics(drawn),
            ];
            session.Advance(drawn, loss, rate, norm, all);
            world.LogSamples(session.State.Step, rollouts, scores, statistics);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(world.Evaluate(session, save));
            }

            session.SaveIfDue(save);

            string? FirstBroken() => BrokenTensor.First(world.Policy, () => Accumulate(run, rollouts, pairs, new RolloutStatistics()));
        }
    }

    /// <summary>Runs forward and backward of each pass. The gradients of all processes sum to that of the mean loss over the step's pairs.</summary>
    private static PreferenceMetrics Accumulate(
        Parts run, IReadOnlyList<Rollout> rollouts, IReadOnlyList<(int Chosen, int Rejected)> pairs, RolloutStatistics statistics)
    {
        run.World.Policy.zero_grad();
        Device device = run.World.Policy.Device;
        double meanLength = pairs.Count == 0 ? 0 : pairs.Average(pair => rollouts[pair.Chosen].Ids.Length);
        var metrics = new PreferenceMetrics(run.Loss.Beta);
        foreach ((int start, Rollout[] pass) in RolloutRows.Passes(run.World.Ranks, rollouts, run.Recipe.Batch.Samples, run.Recipe.Batch.Sequences))
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors(pass, device);
            var policy = TokenScores.Of(run.World.Policy, rows);
            var reference = TokenScores.Frozen(run.World.Reference, rows);
            statistics.Add(pass, rows, policy, reference);
            // A pass holds whole groups, and so both completions of a pair.
            (int Chosen, int Rejected)[] ranked = [.. pairs.Where(pair => pair.Chosen >= start && pair.Chosen < start + pass.Length)];
            if (ranked.Length == 0)
            {
                continue;
            }

            Tensor sums = SequenceLogProbs.SumPerSequence(policy.LogProbs, rows.Slots); // [B]
            Tensor frozen = SequenceLogProbs.SumPerSequence(reference.LogProbs, rows.Slots); // [B]
            Tensor chosen = tensor(Array.ConvertAll(ranked, pair => (long)(pair.Chosen - start)), device: device); // [P]
            Tensor rejected = tensor(Array.ConvertAll(ranked, pair => (long)(pair.Rejected - start)), device: device); // [P]
            var sides = new PairLogProbs(
                Of(sums, chosen),
                Of(sums, rejected),
                Of(frozen, chosen),
                Of(frozen, rejected),
                Of(rows.Lengths, chosen),
                Of(rows.Lengths, rejected))
            {
                MeanChosenLength = meanLength,
            };
            Tensor perPair = run.Loss.PerPair(sides); // [P]
            (perPair.sum() / pairs.Count).backward();
            metrics.Add(sides, perPair, 0);
        }

        statistics.Join(run.World.Ranks, rollouts);
        metrics.Join(run.World.Ranks);
        return metrics;

        static Tensor Of(Tensor perRow, Tensor places) => perRow.index_select(0, places); // [B] -> [P]
    }

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(OnlineDpoRecipe Recipe, PreferenceLoss Loss, OnPolicyRun World, ClippedStep Step);
}
