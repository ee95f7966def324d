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
/// RLOO, arXiv:2402.14740: n completions per prompt; each one's advantage is its reward less the mean of the others', KL in the reward.
/// </summary>
internal static class Rloo
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(RlooRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. policy, frozen reference, prompts, rewards
        using var world = new OnPolicyRun(recipe, run, request);
        run.WriteStart(recipe, request, world.Threads, RecipeInputs.Of(recipe));

        // 2. optimizer; it takes several steps per training step, so a checkpoint holds their number
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
        var update = new ClippedStep(recipe, trainable, optimizer, total, run.Ranks);
        Train(recipe, world, session, update, total, request.Clock, Save);

        // 5. last evaluation, model folder
        return world.Finish(session, Save);

        void Save()
        {
            updates[0] = optimizer.Steps;
            Checkpoint.Save(run, session.State, world.Policy.Parameters, optimizer, recipe.KeepCheckpoints, [updates.State]);
        }
    }

    /// <summary>Steps until <paramref name="total"/>: draw, score, train, update the engine, log, save.</summary>
    private static void Train(
        RlooRecipe recipe, OnPolicyRun world, TrainingSession session, ClippedStep update, int total, TimeProvider clock, Action save)
    {
        world.Policy.train();
        while (session.State.Step < total)
        {
            var times = new StepTimes(clock);

            // 4a. n completions of each prompt, and their rewards
            IReadOnlyList<Rollout> rollouts = times.Measure("rollout", () => world.Draw(session, save));
            RewardScores scores = times.Measure("reward", () => world.Score(rollouts, session, save));

            // 4b. one or more updates on these completions; the first fixes the advantages and the old log-probs
            var memory = new Memory(new double[rollouts.Count], new float[rollouts.Count]);
            var statistics = new RolloutStatistics();
            (double loss, double norm, double rate) = (0, 0, 0);
            for (int iteration = 0; iteration < recipe.Iterations; iteration++)
            {
                bool isFirst = iteration == 0;
                double part = times.Measure(
                    "train", () => Accumulate(recipe, world, rollouts, scores.Total, memory, isFirst ? statistics : null));
                statistics.RequireOnPolicy(session.State.Step + 1, recipe.MaxLogpGap);
                (norm, rate) = times.Measure("train", () => update.Take(session.State.Step, part, OnPolicyRun.PromptIds(rollouts), FirstBroken));
                loss += part / recipe.Iterations;
            }

            // 4c. the next step's completions come from the new weights
            times.Measure("update_weights", () => world.UpdateEngine(session.State.Step + 1));

            // 4d. log, evaluate, save, stop if requested
            long drawn = rollouts.Sum(rollout => (long)rollout.Ids.Length);
            KlPenalty penalty = new(recipe.KlCoef, statistics.MeanK1);
            KeyValuePair<string, double>[] metrics =
                [.. scores.Metrics(), .. penalty.Metrics(scores), .. statistics.Metrics(), .. times.Metrics(drawn)];
            session.Advance(drawn, loss, rate, norm, metrics);
            world.LogSamples(session.State.Step, rollouts, scores, statistics);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(world.Evaluate(session, save));
            }

            session.SaveIfDue(save);

            string? FirstBroken() => BrokenTensor.First(world.Policy, () => Accumulate(recipe, world, rollouts, scores.Total, memory, null));
        }
    }

    /// <summary>Runs forward and backward of each pass. The gradients of all processes sum to that of the mean loss over the step's completions.</summary>
    /// <returns>Mean loss per completion.</returns>
    private static double Accumulate(
        RlooRecipe recipe, OnPolicyRun world, IReadOnlyList<Rollout> rollouts, double[] rewards, Memory memory, RolloutStatistics? first)
    {
        world.Policy.zero_grad();
        double loss = 0;
        foreach ((int start, Rollout[] pass) in RolloutRows.Passes(world.Ranks, rollouts, recipe.Batch.Samples, recipe.Batch.Sequences))
        {
            using var scope = NewDisposeScope();
            Range range = start..(start + pass.Length);
            PreferenceTensors rows = RolloutRows.Tensors(pass, world.Policy.Device);
            var policy = TokenScores.Of(world.Policy, rows);
            Tensor sums = SequenceLogProbs.SumPerSequence(policy.LogProbs, rows.Slots); // [B]
            if (first is not null)
            {
                first.Add(pass, rows, policy, TokenScores.Frozen(world.Reference, rows));
                double[] penalised = [.. rewards[range].Zip(first.SequenceK1.TakeLast(pass.Length), (reward, k1) => reward - (recipe.KlCoef * k1))];
                Advantages.LeaveOneOut(penalised, recipe.Batch.Samples).CopyTo(memory.Advantages, start); // a pass holds whole groups
                NamedParameters.Values(sums).CopyTo(memory.OldLogProbs, start);
            }

            Tensor advantage = tensor(Array.ConvertAll(memory.Advantages[range], value => (float)value), device: world.Policy.Device); // [B]
            Tensor old = tensor(memory.OldLogProbs[range], device: world.Policy.Device); // [B]
            Tensor part = PolicyGradient.Clipped(sums, old, advantage, recipe.Clip, recipe.Clip).sum() / rollouts.Count; // []
            part.backward();
            loss += part.item<float>();
        }

        first?.Join(world.Ranks, rollouts);
        return world.Ranks.Sum(loss)[0];
    }

    /// <summary>What the first update on a step's completions fixes for the others, one per completion.</summary>
    private sealed record Memory(double[] Advantages, float[] OldLogProbs);
}
