using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>REINFORCE: −(r − b)·log π(y|x) over the policy's own completions, and optionally α times the exact KL to the reference.</summary>
internal static class Reinforce
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(ReinforceRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. policy, frozen reference, prompts, rewards
        using var world = new OnPolicyRun(recipe, run, request);
        run.WriteStart(recipe, request, world.Threads, RecipeInputs.Of(recipe));

        // 2. optimizer; the running baseline belongs to the checkpoint
        manual_seed(recipe.Seed);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(world.Policy.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        using var baseline = new CarriedNumbers(2);
        TrainingState state = run.Resumed
            ? Checkpoint.LoadNewest(run, world.Policy.Parameters, optimizer, [baseline.State])
            : TrainingState.Start;
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(world.Prompts.Count, recipe.Batch.Prompts, 1);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, world.Prompts.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);

        // 3. the engine gets the weights of this step
        world.StartEngine(state.Step);

        // 4. the loop
        var update = new ClippedStep(recipe, trainable, optimizer, total, run.Ranks);
        Train(recipe, world, session, baseline, update, total, request.Clock, Save);

        // 5. last evaluation, model folder
        return world.Finish(session, Save);

        void Save() => Checkpoint.Save(run, session.State, world.Policy.Parameters, optimizer, recipe.KeepCheckpoints, [baseline.State]);
    }

    /// <summary>Steps until <paramref name="total"/>: draw, score, train, update the engine, log, save.</summary>
    private static void Train(
        ReinforceRecipe recipe,
        OnPolicyRun world,
        TrainingSession session,
        CarriedNumbers baseline,
        ClippedStep update,
        int total,
        TimeProvider clock,
        Action save)
    {
        world.Policy.train();
        while (session.State.Step < total)
        {
            var times = new StepTimes(clock);

            // 4a. completions of this step's prompts, and their rewards
            IReadOnlyList<Rollout> rollouts = times.Measure("rollout", () => world.Draw(session, save));
            RewardScores scores = times.Measure("reward", () => world.Score(rollouts, session, save));

            // 4b. forward and backward of this process's passes, on advantages r − b
            var statistics = new RolloutStatistics();
            double[] advantages = AdvantagesOf(recipe, scores.Total, baseline);
            double loss = times.Measure("train", () => Accumulate(recipe, world, rollouts, advantages, statistics));
            statistics.RequireOnPolicy(session.State.Step + 1, recipe.MaxLogpGap);

            // 4c. clip, step; the next step's completions come from the new weights
            (double norm, double rate) = times.Measure(
                "train", () => update.Take(session.State.Step, loss, OnPolicyRun.PromptIds(rollouts), FirstBroken));
            times.Measure("update_weights", () => world.UpdateEngine(session.State.Step + 1));

            // 4d. log, evaluate, save, stop if requested
            long drawn = rollouts.Sum(rollout => (long)rollout.Ids.Length);
            session.Advance(drawn, loss, rate, norm, [.. scores.Metrics(), .. statistics.Metrics(), .. times.Metrics(drawn)]);
            world.LogSamples(session.State.Step, rollouts, scores, statistics);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(world.Evaluate(session, save));
            }

            session.SaveIfDue(save);

            string? FirstBroken() =>
                BrokenTensor.First(world.Policy, () => Accumulate(recipe, world, rollouts, advantages, new RolloutStatistics()));
        }
    }

    /// <summary>r − b. The running mean excludes this step's own rewards.</summary>
    private static double[] AdvantagesOf(ReinforceRecipe recipe, double[] rewards, CarriedNumbers baseline)
    {
        if (recipe.Baseline == "leave-one-out")
        {
            return Advantages.LeaveOneOut(rewards, recipe.Batch.Samples);
        }

        var mean = new RunningMean(baseline[0], baseline[1]);
        if (recipe.Baseline == "running-mean")
        {
            RunningMean next = mean.With(rewards.Average(), recipe.BaselineDecay);
            (baseline[0], baseline[1]) = (next.Sum, next.Weight);
        }

        return Array.ConvertAll(rewards, reward => reward - mean.Value);
    }

    /// <summary>Runs forward and backward of each pass. The gradients of all processes sum to that of the mean loss over the step's completions.</summary>
    /// <returns>Mean loss per completion.</returns>
    private static double Accumulate(
        ReinforceRecipe recipe, OnPolicyRun world, IReadOnlyList<Rollout> rollouts, double[] advantages, RolloutStatistics statistics)
    {
        world.Policy.zero_grad();
        double loss = 0;
        foreach ((int first, Rollout[] pass) in RolloutRows.Passes(world.Ranks, rollouts, recipe.Batch.Samples, recipe.Batch.Sequences))
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors(pass, world.Policy.Device);
            var policy = TokenScores.Of(world.Policy, rows);
            var reference = TokenScores.Frozen(world.Reference, rows);
            Tensor sums = SequenceLogProbs.SumPerSequence(policy.LogProbs, rows.Slots); // [B]
            float[] here = Array.ConvertAll(advantages[first..(first + pass.Length)], value => (float)value);
            Tensor advantage = tensor(here, device: world.Policy.Device); // [B]
            Tensor part = PolicyGradient.Reinforce(sums, advantage).sum(); // []
            Tensor? kl = null;
            if (recipe.Alpha > 0)
            {
                kl = Kl.Exact(policy.Logits, reference.Logits); // [N], differentiable: it moves the policy at the visited states
                part += recipe.Alpha * kl.sum();
            }

            part /= rollouts.Count;
            part.backward();
            loss += part.item<float>();
            statistics.Add(pass, rows, policy, reference, kl);
        }

        statistics.Join(world.Ranks, rollouts);
        return world.Ranks.Sum(loss)[0];
    }
}
