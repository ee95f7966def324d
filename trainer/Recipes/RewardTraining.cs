using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a reward model on preference pairs (Bradley–Terry): a head with one score on a language model.</summary>
internal static class RewardTraining
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(RewardRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. device, seed, model: `model` with a new head, or a reward model to train further
        Device device = ComputeDevice.Open(recipe.Device);
        int threads = ComputeDevice.UseThreads(recipe.Threads);
        manual_seed(recipe.Seed);
        using ISequenceClassifier model = Model(recipe, device);
        run.Ranks.SeedDropout(recipe.Seed);

        // 2. pairs as groups
        var rows = new RowSource(recipe, model.Config, run, request);
        PreferenceData training = RequireGaps(rows.Pairs(recipe.Pairs), recipe.Pairs!, recipe);
        PreferenceData? heldOut = recipe.EvaluationPairs is { } held ? RequireGaps(rows.Pairs(held), held, recipe) : null;
        run.WriteStart(recipe, request, threads, RecipeInputs.Of(recipe));

        // 3. optimizer; the schedule is a pure function of the step
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, model.Parameters, optimizer) : TrainingState.Start;
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(training.Groups.Count, recipe.Batch.Groups, recipe.Batch.Accumulation);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, training.Groups.Count);
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);
        IReadOnlyList<KeyValuePair<string, double>> cuts = rows.Counts(training);
        session.LogData(cuts);

        // 4. the loop
        var update = new ClippedStep(recipe, trainable, optimizer, total, run.Ranks);
        Train(new Parts(recipe, run, model, training, heldOut, optimizer, update), session, total);

        // 5. last evaluation, model folder
        IReadOnlyList<KeyValuePair<string, double>> evaluation = session.FinalEvaluation(() => Evaluate(run.Ranks, recipe, model, heldOut));
        return FinishedRun.Write(run, request, recipe, session, Preference.Final(session.LastTraining, evaluation, cuts), folder =>
            ModelSource.Save(model, folder, recipe.Tokenizer ?? recipe.Model, recipe));
    }

    /// <summary>Steps until <paramref name="total"/>: accumulate, clip, step, log, evaluate, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total)
    {
        (RewardRecipe recipe, Ranks ranks) = (run.Recipe, run.Folder.Ranks);
        run.Model.train();
        int plannedEpoch = -1;
        IReadOnlyList<IReadOnlyList<PreferenceGroup>> plan = [];
        while (session.State.Step < total)
        {
            if (plannedEpoch != session.State.Epoch)
            {
                plannedEpoch = session.State.Epoch;
                plan = GroupBatches.Epoch(run.Training.Groups, recipe.Batch.Groups, recipe.Seed, plannedEpoch);
            }

            // 4a. forward and backward of this process's groups; every pair of the step has the same weight
            IReadOnlyList<PreferenceGroup>[] batches = [.. plan.Skip(session.State.Cursor * recipe.Batch.Accumulation).Take(recipe.Batch.Accumulation)];
            run.Model.zero_grad();
            int pairs = batches.Sum(batch => batch.Sum(group => group.Pairs.Count));
            var metrics = new RewardMetrics();
            foreach (PreferenceGroup[] own in batches.Select(batch => ranks.Part(batch)).Where(own => own.Length > 0))
            {
                using var scope = NewDisposeScope();
                (Forward(recipe, run.Model, own, metrics).sum() / pairs).backward();
            }

            metrics.Join(ranks);

            // 4b. clip, step
            IEnumerable<string> names = batches.SelectMany(batch => batch).Select(group => group.PromptId);
            (double norm, double rate) = run.Update.Take(
                session.State.Step, metrics.Loss, names, () => BrokenTensor.First(run.Model, () => ForwardAgain(run, batches)));

            // 4c. log, evaluate, save, stop if requested
            session.Advance(metrics.Tokens, metrics.Loss, rate, norm, metrics.Scores());
            if (session.EvaluationDue)
            {
                session.LogEvaluation(Evaluate(ranks, recipe, run.Model, run.HeldOut));
            }

            session.SaveIfDue(() => Checkpoint.Save(run.Folder, session.State, run.Model.Parameters, run.Optimizer, recipe.KeepCheckpoints));
        }
    }

    /// <summary>Repeats a step's forward passes, for <see cref="BrokenTensor"/>.</summary>
    private static void ForwardAgain(Parts run, IReadOnlyList<IReadOnlyList<PreferenceGroup>> batches)
    {
        using IDisposable quiet = no_grad();
        foreach (IReadOnlyList<PreferenceGroup> batch in batches)
        {
            using var scope = NewDisposeScope();
            Forward(run.Recipe, run.Model, batch, new RewardMetrics());
        }
    }

    /// <summary>Loss of each pair from one score per completion.</summary>
    /// <returns>[P]</returns>
    private static Tensor Forward(RewardRecipe recipe, ISequenceClassifier model, IReadOnlyList<PreferenceGroup> groups, RewardMetrics metrics)
    {
        var batch = RankedSequences.Of(groups);
        Tensor ids = Collator.Pad(batch.Rows, model.Config.PadId!.Value, model.Device); // [B,T]
        Tensor scores = model.Logits(ids, padded: true).squeeze(1); // [B,1] -> [B]
        Tensor chosen = scores.index_select(0, tensor(batch.Chosen, device: model.Device)); // [P]
        Tensor rejected = scores.index_select(0, tensor(batch.Rejected, device: model.Device)); // [P]
        Tensor? margin = recipe.Margin == "scores" ? tensor(batch.ScoreGaps, device: model.Device) : null; // [P]
        Tensor losses = BradleyTerry.Loss(chosen, rejected, margin);
        losses = recipe.Centring > 0 ? losses + (recipe.Centring * BradleyTerry.Centring(chosen, rejected)) : losses;
        metrics.Add(losses, chosen, rejected, batch.Tokens);
        return losses;
    }

    /// <summary>Loss, accuracy, margin and calibration on held-out pairs, without dropout or gradient; empty if there are none.</summary>
    private static IReadOnlyList<KeyValuePair<string, double>> Evaluate(
        Ranks ranks, RewardRecipe recipe, ISequenceClassifier model, PreferenceData? heldOut)
    {
        if (heldOut is null)
        {
            return [];
        }

        model.eval();
        using IDisposable quiet = no_grad();
        var metrics = new RewardMetrics();
        foreach (IReadOnlyList<PreferenceGroup> groups in ranks.Part(GroupBatches.InOrder(heldOut.Groups, recipe.Batch.Groups)))
        {
            using var scope = NewDisposeScope();
            Forward(recipe, model, groups, metrics);
        }

        metrics.Join(ranks);
        model.train();
        return [new("loss", metrics.Loss), .. metrics.Scores(), new("calibration_error", metrics.CalibrationError())];
    }

    private static ISequenceClassifier Model(RewardRecipe recipe, Device device)
    {
        if (recipe.Model is not string folder || recipe.Architecture is not null)
        {
            throw new BadInputException("A reward model starts from a trained language model: give model (its folder), and leave architecture out.");
        }

        if (recipe.Tokenizer is string tokenizer) // its files go into the finished model's folder
        {
            TokenizerFit.Require(ModelSource.Tokenizer(tokenizer, folder), tokenizer, ModelConfig.Load(folder), folder);
        }

        ISequenceClassifier model = ModelConfig.Load(folder).IsClassifier
            ? ModelFolder.Load<ISequenceClassifier>(folder, device, recipe.Dropout ?? 0, recipe.UsesBf16)
            : SequenceHead.On(ModelFolder.Load<ILanguageModel>(folder, device, recipe.Dropout ?? 0, recipe.UsesBf16), ["LABEL_0"], folder);
        if (model.Config.Labels.Count != 1)
        {
            model.Dispose();
            throw new BadInputException(
                $"{folder} is a classifier with {model.Config.Labels.Count} labels; a reward model has one. "
                + "Give a language model, or a reward model.");
        }

        NamedParameters.FreezeBlocks(model, recipe.FreezeBlocks);
        return ModelSource.Adapted(model, recipe, folder);
    }

    /// <summary>Refuses pairs without usable scores where these are the margin.</summary>
    private static PreferenceData RequireGaps(PreferenceData data, IReadOnlyList<string> files, RewardRecipe recipe)
    {
        if (recipe.Margin != "scores")
        {
            return data;
        }

        string name = string.Join(", ", files);
        float[][] gaps = [.. data.Groups.Select(group => RankedSequences.Of([group]).ScoreGaps)];
        int reversed = Array.FindIndex(gaps, group => group.Any(gap => gap < 0));
        if (reversed >= 0)
        {
            throw new BadInputException(
                $"{name}: margin is \"scores\", but prompt '{data.Groups[reversed].PromptId}' has a chosen completion with a lower score than the "
                + "rejected one. Correct the scores, or set margin to \"none\".");
        }

        return gaps.Any(group => group.Any(gap => gap != 0))
            ? data
            : throw new BadInputException(
                $"{name}: margin is \"scores\", but all scores are equal or missing. Write pairs with scores, or set margin to \"none\".");
    }

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(
        RewardRecipe Recipe,
        RunFolder Folder,
        ISequenceClassifier Model,
        PreferenceData Training,
        PreferenceData? HeldOut,
        IOptimizer Optimizer,
        ClippedStep Update);
}
