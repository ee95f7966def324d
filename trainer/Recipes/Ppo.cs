using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>PPO, arXiv:1707.06347: token rewards with the KL, advantages from a value model, several clipped updates per step.</summary>
internal static class Ppo
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(PpoRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. policy, frozen reference, prompts, rewards; the value model has its own weights
        using var world = new OnPolicyRun(recipe, run, request);
        string values = recipe.ValueModel ?? recipe.Model!;
        using var value = new ValueModel(ModelSource.Adapted(world.LoadFitting(values, "value_model"), recipe, values));
        run.WriteStart(recipe, request, world.Threads, RecipeInputs.Of(recipe));
        IReadOnlyList<NamedParameter> parameters = [.. world.Policy.Parameters, .. value.Parameters];
        IReadOnlyList<IReadOnlyList<NamedParameter>> models = [NamedParameters.Trainable(world.Policy.Parameters), value.Parameters];

        // 2. one optimizer for both; a checkpoint holds kl_coef and the optimizer's steps, of which a training step has several
        manual_seed(recipe.Seed);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, [.. models.SelectMany(model => model)]);
        using var carried = new Carried(recipe.KlCoef);
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, parameters, optimizer, [carried.State]) : TrainingState.Start;
        optimizer.Resume(carried.Updates);
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(world.Prompts.Count, recipe.Batch.Prompts, 1);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, world.Prompts.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);

        // 3. the engine gets the weights of this step
        world.StartEngine(state.Step);

        // 4. the loop
        var parts = new Parts(recipe, world, value, new ClippedStep(recipe, models, optimizer, total, run.Ranks), carried);
        Train(parts, session, total, request.Clock, Save);

        // 5. last evaluation, model folder
        return world.Finish(session, Save);

        void Save()
        {
            carried.Updates = optimizer.Steps;
            Checkpoint.Save(run, session.State, parameters, optimizer, recipe.KeepCheckpoints, [carried.State]);
        }
    }

    /// <summary>Steps until <paramref name="total"/>: draw, score, look, train, update the engine, log, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total, TimeProvider clock, Action save)
    {
        (PpoRecipe recipe, OnPolicyRun world) = (run.Recipe, run.World);
        world.Policy.train();
        while (session.State.Step < total)
        {
            var times = new StepTimes(clock);

            // 4a. completions of this step's prompts, and their rewards
            IReadOnlyList<Rollout> rollouts = times.Measure("rollout", () => world.Draw(session, save));
            RewardScores scores = times.Measure("reward", () => world.Score(rollouts, session, save));

            // 4b. log-probs and values under the models that drew; token rewards, advantages, returns
            var statistics = new RolloutStatistics();
            IReadOnlyList<DrawnTokens> drawn = times.Measure("train", () => Look(run, rollouts, statistics));
            statistics.RequireOnPolicy(session.State.Step + 1, recipe.MaxLogpGap);
            var batch = new PpoBatch(rollouts, drawn, scores.Total, run.Carried.KlCoefficient, recipe.Gamma, recipe.Lambda);

            // 4c. updates on minibatches, several passes over the batch
            var metrics = new PpoMetrics();
            (double norm, double rate) = times.Measure("train", () => Update(run, batch, session.State.Step, metrics));

            // 4d. the next step has its own KL coefficient, and draws from the new weights
            var penalty = new KlPenalty(run.Carried.KlCoefficient, statistics.MeanK1);
            if (recipe.KlTarget > 0)
            {
                run.Carried.KlCoefficient = KlCoefficient.Next(penalty.Coefficient, penalty.Kl, recipe.KlTarget, recipe.KlGain);
            }

            times.Measure("update_weights", () => world.UpdateEngine(session.State.Step + 1));

            // 4e. log, evaluate, save, stop if requested
            long tokens = rollouts.Sum(rollout => (long)rollout.Ids.Length);
            KeyValuePair<string, double>[] all =
            [
                .. scores.Metrics(), .. penalty.Metrics(scores), .. metrics.Metrics(), new("val/grad_norm", run.Step.Norms[1]),
                .. statistics.Metrics(), .. times.Metrics(tokens),
            ];
            session.Advance(tokens, metrics.Loss(recipe.VfCoef), rate, norm, all);
            world.LogSamples(session.State.Step, rollouts, scores, statistics);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(world.Evaluate(session, save));
            }

            session.SaveIfDue(save);
        }
    }

    /// <summary>Log-probs under policy and reference, and values, of every token of the step; no gradient. Each process looks at its part.</summary>
    /// <returns>One per completion.</returns>
    private static List<DrawnTokens> Look(Parts run, IReadOnlyList<Rollout> rollouts, RolloutStatistics statistics)
    {
        using IDisposable quiet = no_grad();
        List<DrawnTokens> drawn = [];
        foreach ((_, Rollout[] pass) in RolloutRows.Passes(run.World.Ranks, rollouts, 1, run.Recipe.Batch.Sequences))
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors(pass, run.World.Policy.Device);
            var policy = TokenScores.Of(run.World.Policy, rows);
            var reference = TokenScores.Of(run.World.Reference, rows);
            statistics.Add(pass, rows, policy, reference);
            drawn.AddRange(Split(policy.LogProbs)
                .Zip(Split(reference.LogProbs), Split(run.Value.Values(rows)))
                .Select(row => new DrawnTokens(row.First, row.Second, row.Third)));

            IEnumerable<float[]> Split(Tensor perToken) => RolloutRows.Split(NamedParameters.Values(perToken), pass);
        }

        statistics.Join(run.World.Ranks, rollouts);
        return [.. All(tokens => tokens.Policy).Zip(All(tokens => tokens.Reference), All(tokens => tokens.Values))
            .Select(row => new DrawnTokens(row.First, row.Second, row.Third))];

        IEnumerable<float[]> All(Func<DrawnTokens, float[]> field) =>
            RolloutRows.Split(run.World.Ranks.Gather(drawn.SelectMany(field).ToArray()), rollouts);
    }

    /// <summary>ppo_epochs passes over the batch in shuffled minibatches. The order is a pure function of seed, step and pass.</summary>
    /// <returns>Gradient norm and learning rate of the last update.</returns>
    private static (double Norm, double Rate) Update(Parts run, PpoBatch batch, int step, PpoMetrics metrics)
    {
        (double Norm, double Rate) last = (0, 0);
        int[] order = [.. Enumerable.Range(0, batch.Rollouts.Count)];
        for (int epoch = 0; epoch < run.Recipe.PpoEpochs; epoch++)
        {
            EpochRandom.Of(run.Recipe.Seed, step, epoch).Shuffle(order);
            foreach (int[] minibatch in order.Chunk(run.Recipe.Batch.Minibatch))
            {
                double loss = Accumulate(run, batch, minibatch, metrics);
                IEnumerable<string> names = OnPolicyRun.PromptIds(minibatch.Select(i => batch.Rollouts[i]));
                last = run.Step.Take(step, loss, names, () => BrokenTensor.First(
                    [(string.Empty, run.World.Policy), (ValueModel.Prefix, run.Value.Trunk)],
                    () => Accumulate(run, batch, minibatch, new PpoMetrics())));
            }
        }

        metrics.Join(run.World.Ranks);
        return last;
    }

    /// <summary>Runs forward and backward of this process's part of a minibatch. The gradients of all processes sum to that of the mean loss over its tokens.</summary>
    /// <returns>Mean loss per token.</returns>
    private static double Accumulate(Parts run, PpoBatch batch, int[] minibatch, PpoMetrics metrics)
    {
        (PpoRecipe recipe, Device device) = (run.Recipe, run.World.Policy.Device);
        run.World.Policy.zero_grad();
        run.Value.zero_grad();
        double tokens = minibatch.Sum(i => (double)batch.Rollouts[i].Ids.Length);
        double loss = 0;
        foreach (int[] part in run.World.Ranks.Part(minibatch).Chunk(recipe.Batch.Sequences))
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors([.. part.Select(i => batch.Rollouts[i])], device);
            PpoTensors targets = batch.Of(part, device);
            Tensor logProbs = TokenScores.Of(run.World.Policy, rows).LogProbs, values = run.Value.Values(rows); // [N], [N]
            Tensor policyLoss = PolicyGradient.Clipped(logProbs, targets.OldLogProbs, targets.Advantages, recipe.Clip, recipe.Clip); // [N]
            Tensor valueLoss = ValueLoss.Clipped(values, targets.OldValues, targets.Returns, recipe.ValueClip); // [N]
            Tensor sum = (policyLoss + (recipe.VfCoef * valueLoss)).sum() / tokens; // []
            sum.backward();
            loss += sum.item<float>();
            metrics.Add(logProbs, values, targets, policyLoss, valueLoss, recipe.Clip, recipe.ValueClip);
        }

        return run.World.Ranks.Sum(loss)[0];
    }

    /// <summary>What a checkpoint holds beside weights and averages.</summary>
    private sealed class Carried : IDisposable
    {
        private readonly CarriedNumbers _numbers = new(2);

        public Carried(double klCoefficient) => KlCoefficient = klCoefficient;

        public NamedState State => _numbers.State;

        public double KlCoefficient
        {
            get => _numbers[0];
            set => _numbers[0] = value;
        }

        public int Updates
        {
            get => (int)_numbers[1];
            set => _numbers[1] = value;
        }

        public void Dispose() => _numbers.Dispose();
    }

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(PpoRecipe Recipe, OnPolicyRun World, ValueModel Value, ClippedStep Step, Carried Carried);
}
