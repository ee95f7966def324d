using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>GRPO, arXiv:2402.03300: advantages normalised within each prompt's group, clipped token ratios, KL as k3 in the loss.</summary>
internal static class Grpo
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(GrpoRecipe recipe, RunFolder run, RunRequest request)
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
        GrpoRecipe recipe, OnPolicyRun world, TrainingSession session, ClippedStep update, int total, TimeProvider clock, Action save)
    {
        world.Policy.train();
        while (session.State.Step < total)
        {
            var times = new StepTimes(clock);

            // 4a. n completions of each prompt, and their rewards
            IReadOnlyList<Rollout> rollouts = times.Measure("rollout", () => world.Draw(session, save));
            RewardScores scores = times.Measure("reward", () => world.Score(rollouts, session, save));

            // 4b. advantages within each group, and each token's weight in the loss
            double[] advantages = Advantages.OfGroup(scores.Total, recipe.Batch.Samples, divideByDeviation: recipe.Variant != "dr-grpo");
            double[] weights = TokenWeights.Of(recipe.Variant, [.. rollouts.Select(rollout => rollout.Ids.Length)], recipe.MaxNewTokens);

            // 4c. one or more updates on these completions; the first fixes the old log-probs
            var batch = new Batch(rollouts, advantages, weights);
            var statistics = new RolloutStatistics();
            (double loss, double norm, double rate, double clipped) = (0, 0, 0, 0);
            for (int iteration = 0; iteration < recipe.Iterations; iteration++)
            {
                (double part, double share) = times.Measure("train", () => Accumulate(recipe, world, batch, statistics));
                statistics.RequireOnPolicy(session.State.Step + 1, recipe.MaxLogpGap);
                (norm, rate) = times.Measure("train", () => update.Take(session.State.Step, part, OnPolicyRun.PromptIds(rollouts), FirstBroken));
                (loss, clipped) = (loss + (part / recipe.Iterations), clipped + (share / recipe.Iterations));
            }

            // 4d. the next step's completions come from the new weights
            times.Measure("update_weights", () => world.UpdateEngine(session.State.Step + 1));

            // 4e. log, evaluate, save, stop if requested
            long drawn = rollouts.Sum(rollout => (long)rollout.Ids.Length);
            KeyValuePair<string, double>[] metrics =
                [.. scores.Metrics(), new("policy/clipfrac_avg", clipped), .. statistics.Metrics(), .. times.Metrics(drawn)];
            session.Advance(drawn, loss, rate, norm, metrics);
            world.LogSamples(session.State.Step, rollouts, scores, statistics);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(world.Evaluate(session, save));
            }

            session.SaveIfDue(save);

            string? FirstBroken() => BrokenTensor.First(world.Policy, () => Accumulate(recipe, world, batch, new RolloutStatistics()));
        }
    }

    /// <summary>Runs forward and backward of each pass. The gradients of all processes sum to that of the step's loss.</summary>
    /// <returns>The loss, and the share of tokens whose ratio is clipped.</returns>
    private static (double Loss, double Clipped) Accumulate(GrpoRecipe recipe, OnPolicyRun world, Batch batch, RolloutStatistics statistics)
    {
        world.Policy.zero_grad();
        (double loss, double clipped) = (0, 0);
        bool isFirst = !batch.IsLookedAt; // the first update: the policy still is the one that drew
        batch.IsLookedAt = true;
        Device device = world.Policy.Device;
        (double low, double high) = (recipe.ClipLow, recipe.ClipHigh!.Value);
        IEnumerable<(int First, Rollout[] Rollouts)> passes = RolloutRows.Passes(world.Ranks, batch.Rollouts, recipe.Batch.Samples, recipe.Batch.Sequences);
        foreach ((int pass, (int start, Rollout[] rollouts)) in passes.Index())
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors(rollouts, device);
            var policy = TokenScores.Of(world.Policy, rows);
            if (isFirst)
            {
                var reference = TokenScores.Frozen(world.Reference, rows);
                statistics.Add(rollouts, rows, policy, reference);
                batch.Drawn.Add(new PassLogProbs(NamedParameters.Values(policy.LogProbs), NamedParameters.Values(reference.LogProbs)));
            }

            (Tensor old, Tensor frozen) = batch.Drawn[pass].On(device); // [N], [N]
            Tensor advantage = RolloutRows.PerToken(rollouts, batch.Advantages.Skip(start), device); // [N]
            Tensor perToken = PolicyGradient.Clipped(policy.LogProbs, old, advantage, low, high); // [N]
            if (recipe.Beta > 0)
            {
                perToken += recipe.Beta * Kl.K3(policy.LogProbs, frozen);
            }

            Tensor part = (perToken * RolloutRows.PerToken(rollouts, batch.Weights.Skip(start), device)).sum(); // []
            part.backward();
            loss += part.item<float>();
            clipped += PolicyGradient.IsClipped(policy.LogProbs.detach(), old, advantage, low, high).sum().item<long>();
        }

        if (isFirst)
        {
            statistics.Join(world.Ranks, batch.Rollouts);
        }

        double[] sums = world.Ranks.Sum(loss, clipped);
        return (sums[0], sums[1] / batch.Rollouts.Sum(rollout => (double)rollout.Ids.Length));
    }

    /// <summary>A step's completions, and what stays the same over the updates on them.</summary>
    /// <param name="Rollouts">Whole groups in order. [B]</param>
    /// <param name="Advantages">Of each completion. [B]</param>
    /// <param name="Weights">Of each token of a completion. [B]</param>
    private sealed record Batch(IReadOnlyList<Rollout> Rollouts, double[] Advantages, double[] Weights)
    {
        /// <summary>Whether the first update has begun.</summary>
        public bool IsLookedAt { get; set; }

        /// <summary>Log-probs of each pass when it was drawn; filled by the first update.</summary>
        public List<PassLogProbs> Drawn { get; } = [];
    }
}
