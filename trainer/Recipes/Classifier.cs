using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a text classifier on random crops, so that it classifies both short texts and whole reviews.</summary>
internal static class Classifier
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(ClassifierRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. device, seed, model
        Device device = ComputeDevice.Open(recipe.Device);
        int threads = ComputeDevice.UseThreads(recipe.Threads);
        manual_seed(recipe.Seed);
        string tokenizerFolder = ModelSource.TokenizerFolder(recipe);
        TextTokenizer tokenizer = ModelSource.Tokenizer(tokenizerFolder, recipe.Model);
        using ISequenceClassifier model = ModelSource.Model<ISequenceClassifier>(recipe, tokenizer, recipe.Data.Labels, device);
        run.Ranks.SeedDropout(recipe.Seed);
        ClassifierEvaluation.RequireLengths(recipe.Data, model.Config);
        run.WriteStart(recipe, request, threads, RecipeInputs.Of(recipe));

        // 2. data: training reviews and a held-out part
        (IReadOnlyList<LabelledText> training, IReadOnlyList<LabelledText> heldOut) = ReadData(recipe, tokenizer, request);
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(training.Count, recipe.Batch.Sequences, recipe.Batch.Accumulation);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, training.Count);

        // 3. optimizer; the schedule is a pure function of the step
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, model.Parameters, optimizer) : TrainingState.Start;
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);

        // 4. the loop
        Train(new Parts(recipe, run, model, training, heldOut, optimizer, new ClippedStep(recipe, trainable, optimizer, total, run.Ranks)), session, total);

        // 5. last evaluation, on the test files too; model folder
        IReadOnlyList<KeyValuePair<string, double>> final = session.FinalEvaluation(() =>
            [
                .. ClassifierEvaluation.Measure(run.Ranks, model, heldOut, recipe.Data, string.Empty),
                .. ClassifierEvaluation.Measure(run.Ranks, model, Tokenise(recipe.Data.Test.SelectMany(file => Reviews.Read(file, recipe.Data.CleanHtml, labels: true)), tokenizer, recipe), recipe.Data, "test/"),
            ]);
        return FinishedRun.Write(
            run, request, recipe, session, final, folder => ModelSource.Save(model, folder, tokenizerFolder, recipe));
    }

    /// <summary>Steps until <paramref name="total"/>: accumulate, clip, step, log, evaluate, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total)
    {
        (ClassifierRecipe recipe, IReadOnlyList<LabelledText> training, Ranks ranks) = (run.Recipe, run.Training, run.Folder.Ranks);
        run.Model.train();
        int plannedEpoch = -1;
        IReadOnlyList<int[]> plan = [];
        int[][] crops = [];
        while (session.State.Step < total)
        {
            if (plannedEpoch != session.State.Epoch)
            {
                plannedEpoch = session.State.Epoch;
                crops = [.. training.Select((text, i) => Crop(recipe, run.Model.Config, text, plannedEpoch, i))];
                plan = LengthBuckets.Plan([.. crops.Select(c => c.Length)], recipe.Batch.Sequences, EpochRandom.Of(recipe.Seed, plannedEpoch));
            }

            int[][] batches = [.. plan.Skip(session.State.Cursor * recipe.Batch.Accumulation).Take(recipe.Batch.Accumulation)];
            int rows = batches.Sum(b => b.Length);

            // 4a. forward and backward of this process's rows; each part is weighted by its share of the step's rows
            run.Model.zero_grad();
            int[][] own = [.. batches.Select(batch => ranks.Part(batch))];
            double[] mean = ranks.Sum(Accumulate(run.Model, training, crops, own, rows));
            (double loss, double accuracy) = (mean[0], mean[1]);

            // 4b. clip, step
            (double norm, double rate) = run.Update.Take(
                session.State.Step,
                loss,
                batches.SelectMany(b => b).Select(i => training[i].Id),
                () => BrokenTensor.First(run.Model, () => Accumulate(run.Model, training, crops, own, rows)));

            // 4c. log, evaluate, save, stop if requested
            long tokens = batches.Sum(b => b.Sum(i => (long)crops[i].Length));
            session.Advance(tokens, loss, rate, norm, [new("accuracy", accuracy)]);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(ClassifierEvaluation.Measure(ranks, run.Model, run.HeldOut, recipe.Data, string.Empty));
            }

            session.SaveIfDue(() => Checkpoint.Save(run.Folder, session.State, run.Model.Parameters, run.Optimizer, recipe.KeepCheckpoints));
        }
    }

    /// <summary>
    /// Runs forward and backward of each part. The gradients of all processes sum to that of the mean loss over the step's rows.
    /// </summary>
    /// <returns>This process's part of the mean loss in nats, and of the accuracy.</returns>
    private static double[] Accumulate(
        ISequenceClassifier model, IReadOnlyList<LabelledText> training, int[][] crops, IReadOnlyList<int[]> batches, int rows)
    {
        (double loss, double right) = (0, 0);
        foreach (int[] batch in batches.Where(batch => batch.Length > 0))
        {
            using var scope = NewDisposeScope();
            (Tensor logits, Tensor labels) = Forward(model, [.. batch.Select(i => crops[i])], [.. batch.Select(i => training[i].Label)]);
            Tensor part = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum) / rows; // []
            part.backward();
            loss += part.item<float>();
            right += logits.argmax(-1).eq(labels).sum().item<long>();
        }

        return [loss, right / rows];
    }

    /// <summary>Logits of rows that include start and end tokens, and the labels as a tensor.</summary>
    /// <returns>[B,L] and [B]</returns>
    internal static (Tensor Logits, Tensor Labels) Forward(ISequenceClassifier model, IReadOnlyList<int[]> rows, IReadOnlyList<int> labels)
    {
        bool padded = rows.Any(r => r.Length != rows[0].Length);
        Tensor ids = Collator.Pad(rows, model.Config.PadId!.Value, model.Device); // [B,T]
        return (model.Logits(ids, padded), tensor([.. labels.Select(l => (long)l)], int64, model.Device));
    }

    /// <summary>Adds the start and end tokens to a part of a text.</summary>
    internal static int[] Wrapped(ModelConfig config, ReadOnlySpan<int> ids) => [config.BosId!.Value, .. ids, config.EosId!.Value];

    private static int[] Crop(ClassifierRecipe recipe, ModelConfig config, LabelledText text, int epoch, int index)
    {
        Range range = Crops.Random(text.Ids.Length, recipe.Data.MinLength, recipe.Data.MaxLength, EpochRandom.Of(recipe.Seed, epoch, index));
        return Wrapped(config, text.Ids.AsSpan(range));
    }

    private static (IReadOnlyList<LabelledText> Training, IReadOnlyList<LabelledText> HeldOut) ReadData(
        ClassifierRecipe recipe, TextTokenizer tokenizer, RunRequest request)
    {
        (IReadOnlyList<Review> training, IReadOnlyList<Review> heldOut) = ReviewSource.Split(recipe.Data, recipe.Data.HeldOut, request, labels: true);
        LabelCheck.Require(training, recipe.Data.Labels, request.Progress);
        return (Tokenise(training, tokenizer, recipe), Tokenise(heldOut, tokenizer, recipe));
    }

    private static List<LabelledText> Tokenise(IEnumerable<Review> reviews, TextTokenizer tokenizer, ClassifierRecipe recipe) =>
        [.. reviews.Select(r => new LabelledText(r.Id, tokenizer.Encode(r.Text), Label(r, recipe))).Where(t => t.Ids.Length > 0)];

    private static int Label(Review review, ClassifierRecipe recipe) => LabelCheck.Of(review, recipe.Data.Labels);

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(
        ClassifierRecipe Recipe,
        RunFolder Folder,
        ISequenceClassifier Model,
        IReadOnlyList<LabelledText> Training,
        IReadOnlyList<LabelledText> HeldOut,
        IOptimizer Optimizer,
        ClippedStep Update);
}
