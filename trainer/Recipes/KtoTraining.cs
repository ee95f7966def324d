using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a policy on completions that are judged one by one (KTO), against a frozen reference.</summary>
internal static class KtoTraining
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(KtoRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. device; the policy starts as a copy of `model`
        Device device = ComputeDevice.Open(recipe.Device);
        int threads = ComputeDevice.UseThreads(recipe.Threads);
        using ILanguageModel policy = PreferenceSource.Policy(recipe, device);

        // 2. completions, each also under another prompt, with their log-probs under the reference; this frees the reference
        var source = new RowSource(recipe, policy.Config, run, request);
        ScoredRows training = Read(recipe.Rows, recipe.Pairs)!;
        ScoredRows? heldOut = Read(recipe.EvaluationRows, recipe.EvaluationPairs);
        run.WriteStart(recipe, request, threads, RecipeInputs.Of(recipe));

        // 3. optimizer; seed only now: building models draws random numbers, and a cached reference is not built
        manual_seed(recipe.Seed);
        run.Ranks.SeedDropout(recipe.Seed);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(policy.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, policy.Parameters, optimizer) : TrainingState.Start;
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(training.Rows.Count, recipe.Batch.Completions, recipe.Batch.Accumulation);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, training.Rows.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);
        IReadOnlyList<KeyValuePair<string, double>> cuts = source.Counts(training.Data);
        session.LogData(cuts);

        // 4. the loop
        var update = new ClippedStep(recipe, trainable, optimizer, total, run.Ranks);
        PolicyKl? kl = heldOut is null || recipe.KlPrompts == 0 || !run.Ranks.IsFirst // the others would draw the same
            ? null
            : new PolicyKl(heldOut.Rows.Select(row => row.Group), recipe.KlPrompts, run.File("kl-policy"), recipe.Seed, threads);
        var parts = new Parts(recipe, run, policy, training, heldOut, kl, optimizer, update);
        Train(parts, session, total);

        // 5. last evaluation, model folder
        IReadOnlyList<KeyValuePair<string, double>> evaluation = session.FinalEvaluation(() => Evaluate(parts));
        return FinishedRun.Write(run, request, recipe, session, Preference.Final(session.LastTraining, evaluation, cuts), folder =>
            ModelSource.Save(policy, folder, recipe.Tokenizer ?? recipe.Model, recipe));

        ScoredRows? Read(IReadOnlyList<string>? rows, IReadOnlyList<string>? pairs) =>
            rows is not null ? Score(source.Completions(rows), source.Limits.MaxLength, recipe, policy, run, request)
            : pairs is not null ? Score(LabelledData.OfPairs(source.Pairs(pairs)), source.Limits.MaxLength, recipe, policy, run, request)
            : null;
    }

    /// <summary>Steps until <paramref name="total"/>: accumulate, clip, step, log, evaluate, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total)
    {
        (KtoRecipe recipe, IReadOnlyList<LabelledRow> rows, Ranks ranks) = (run.Recipe, run.Training.Rows, run.Folder.Ranks);
        run.Policy.train();
        int plannedEpoch = -1;
        IReadOnlyList<int[]> plan = [];
        while (session.State.Step < total)
        {
            if (plannedEpoch != session.State.Epoch)
            {
                plannedEpoch = session.State.Epoch;
                int[] lengths = [.. rows.Select(row => row.Length)];
                plan = LengthBuckets.Plan(lengths, recipe.Batch.Completions, EpochRandom.Of(recipe.Seed, plannedEpoch));
            }

            // 4a. forward and backward of this process's completions; every completion of the step has the same weight
            LabelledRow[][] batches = [.. plan.Skip(session.State.Cursor * recipe.Batch.Accumulation).Take(recipe.Batch.Accumulation)
                .Select(batch => batch.Select(i => rows[i]).ToArray())];
            run.Policy.zero_grad();
            int count = batches.Sum(batch => batch.Length);
            var metrics = new KtoMetrics(recipe.Beta);
            foreach (LabelledRow[] batch in batches)
            {
                using var scope = NewDisposeScope();
                Tensor? losses = Forward(ranks, recipe, run.Policy, run.Training, batch, metrics); // [B]
                losses?.sum().div(count).backward();
            }

            metrics.Join(ranks);

            // 4b. clip, step
            IEnumerable<string> names = batches.SelectMany(batch => batch).Select(row => row.Group.PromptId);
            (double norm, double rate) = run.Update.Take(
                session.State.Step, metrics.Loss, names, () => BrokenTensor.First(run.Policy, () => ForwardAgain(run, batches)));

            // 4c. log, evaluate, save, stop if requested
            session.Advance(metrics.Tokens, metrics.Loss, rate, norm, metrics.Values());
            if (session.EvaluationDue)
            {
                session.LogEvaluation(Evaluate(run));
            }

            session.SaveIfDue(() => Checkpoint.Save(run.Folder, session.State, run.Policy.Parameters, run.Optimizer, recipe.KeepCheckpoints));
        }
    }

    /// <summary>Repeats a step's forward passes, for <see cref="BrokenTensor"/>.</summary>
    private static void ForwardAgain(Parts run, IReadOnlyList<LabelledRow[]> batches)
    {
        using IDisposable quiet = no_grad();
        foreach (LabelledRow[] batch in batches)
        {
            using var scope = NewDisposeScope();
            Forward(run.Folder.Ranks, run.Recipe, run.Policy, run.Training, batch, new KtoMetrics(run.Recipe.Beta));
        }
    }

    /// <summary>
    /// Loss of each of this process's completions of a batch. z comes from the completions of all processes under other prompts, without gradient.
    /// </summary>
    /// <returns>[B]; null if this process has none</returns>
    private static Tensor? Forward(
        Ranks ranks, KtoRecipe recipe, ILanguageModel policy, ScoredRows data, IReadOnlyList<LabelledRow> all, KtoMetrics metrics)
    {
        LabelledRow[] rows = ranks.Part(all);
        float[] mismatched = [];
        if (rows.Length > 0)
        {
            using IDisposable quiet = no_grad();
            mismatched = NamedParameters.Values(LogProbs(policy, data.Mismatched.Of(rows.Select(row => row.Completion)), data.Reference).LogRatios);
        }

        Tensor baseline = Kto.ReferencePoint(tensor(ranks.Gather(mismatched), device: policy.Device)); // z []
        if (rows.Length == 0)
        {
            return null;
        }

        var batch = PreferenceBatch.OfCompletions([.. rows.Select(row => (row.Group, row.Completion))]);
        (Tensor logProbs, Tensor logRatios) = LogProbs(policy, batch, data.Reference); // [B], [B]
        bool[] desirable = [.. rows.Select(row => row.Desirable)];
        Tensor losses = Kto.PerCompletion(
            logRatios, tensor(desirable, device: policy.Device), baseline, recipe.Beta, recipe.LambdaDesirable, recipe.LambdaUndesirable); // [B]
        metrics.Add(losses, logProbs, logRatios, desirable, baseline, batch.Tokens);
        return losses;
    }

    private static (Tensor LogProbs, Tensor LogRatios) LogProbs(ILanguageModel policy, PreferenceBatch batch, IReference reference)
    {
        var rows = new PreferenceTensors(batch, policy.Device);
        Tensor sums = CompletionLogProbs.Sums(policy, rows); // [B]
        return (sums, sums - reference.Of(batch, rows));
    }

    /// <summary>Loss, implicit rewards and KL on held-out completions, without dropout or gradient; empty if there are none.</summary>
    private static IReadOnlyList<KeyValuePair<string, double>> Evaluate(Parts run)
    {
        if (run.HeldOut is not { } heldOut)
        {
            return [];
        }

        (KtoRecipe recipe, ILanguageModel policy, Ranks ranks) = (run.Recipe, run.Policy, run.Folder.Ranks);
        policy.eval();
        using IDisposable quiet = no_grad();
        var metrics = new KtoMetrics(recipe.Beta);
        foreach (LabelledRow[] batch in heldOut.Rows.OrderBy(row => row.Length).Chunk(recipe.Batch.Completions))
        {
            using var scope = NewDisposeScope();
            Forward(ranks, recipe, policy, heldOut, batch, metrics);
        }

        metrics.Join(ranks);
        IReadOnlyList<KeyValuePair<string, double>>? kl = run.Kl?.Measure(policy, recipe.Reference ?? recipe.Model!);
        policy.train();
        return [new("loss", metrics.Loss), .. metrics.Values(), .. kl ?? []];
    }

    /// <summary>Puts completions under other prompts too, and gets the reference's log-probs of all.</summary>
    private static ScoredRows Score(LabelledData data, int maxLength, KtoRecipe recipe, ILanguageModel policy, RunFolder run, RunRequest request)
    {
        var mismatched = new MismatchedCompletions(data.Data, maxLength);
        ScoredReference reference = PreferenceSource.Scored(
            recipe.Reference ?? recipe.Model!, recipe.ReferenceCache, policy, data.Data, mismatched, run, request);
        return new ScoredRows(data.Data, data.Rows, reference, mismatched);
    }

    /// <summary>Judged completions with their reference.</summary>
    private sealed record ScoredRows(
        PreferenceData Data, IReadOnlyList<LabelledRow> Rows, IReference Reference, MismatchedCompletions Mismatched);

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(
        KtoRecipe Recipe,
        RunFolder Folder,
        ILanguageModel Policy,
        ScoredRows Training,
        ScoredRows? HeldOut,
        PolicyKl? Kl,
        IOptimizer Optimizer,
        ClippedStep Update);
}
