using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a language model on texts: from new weights on packed documents, or an existing model on whole reviews.</summary>
internal static class Sft
{
    /// <summary>Runs the recipe to the finished model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(SftRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. device, seed, model
        Device device = ComputeDevice.Open(recipe.Device);
        int threads = ComputeDevice.UseThreads(recipe.Threads);
        manual_seed(recipe.Seed);
        string tokenizerFolder = ModelSource.TokenizerFolder(recipe);
        TextTokenizer tokenizer = ModelSource.Tokenizer(tokenizerFolder, recipe.Model);
        using ILanguageModel model = ModelSource.Model<ILanguageModel>(recipe, tokenizer, [], device);
        run.Ranks.SeedDropout(recipe.Seed);
        run.WriteStart(recipe, request, threads, RecipeInputs.Of(recipe));

        // 2. data: training sequences and a held-out part
        (ISequences training, ISequences heldOut, IReadOnlyList<KeyValuePair<string, double>> counts) =
            ReadData(recipe, tokenizer, model.Config, run, request);
        int stepsPerEpoch = TrainingLength.StepsPerEpoch(training.Count, recipe.Batch.Sequences, recipe.Batch.Accumulation);
        int total = TrainingLength.Steps(recipe, stepsPerEpoch, training.Count);

        // 3. optimizer; the schedule is a pure function of the step
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using IOptimizer optimizer = OptimizerFactory.Create(recipe.Optimizer, trainable);
        TrainingState state = run.Resumed ? Checkpoint.LoadNewest(run, model.Parameters, optimizer) : TrainingState.Start;
        using var session = new TrainingSession(recipe, run, request, state, total, stepsPerEpoch);
        session.LogData(counts);

        // 4. the loop
        Train(new Parts(recipe, run, model, training, heldOut, optimizer, new ClippedStep(recipe, trainable, optimizer, total, run.Ranks)), session, total);

        // 5. last evaluation, model folder
        IReadOnlyList<KeyValuePair<string, double>> final = session.FinalEvaluation(() => Evaluate(run.Ranks, model, heldOut, recipe.Batch.Sequences));
        final = [.. final, .. counts.Select(count => KeyValuePair.Create("data/" + count.Key, count.Value))];
        return FinishedRun.Write(
            run, request, recipe, session, final, folder => ModelSource.Save(model, folder, tokenizerFolder, recipe));
    }

    /// <summary>Steps until <paramref name="total"/>: accumulate, clip, step, log, evaluate, save.</summary>
    private static void Train(Parts run, TrainingSession session, int total)
    {
        (SftRecipe recipe, ISequences training, Ranks ranks) = (run.Recipe, run.Training, run.Folder.Ranks);
        run.Model.train();
        int plannedEpoch = -1;
        IReadOnlyList<int[]> plan = [];
        while (session.State.Step < total)
        {
            if (plannedEpoch != session.State.Epoch)
            {
                plannedEpoch = session.State.Epoch;
                int[] lengths = [.. Enumerable.Range(0, training.Count).Select(training.LengthOf)];
                plan = LengthBuckets.Plan(lengths, recipe.Batch.Sequences, EpochRandom.Of(recipe.Seed, plannedEpoch));
            }

            int[][] batches = [.. plan.Skip(session.State.Cursor * recipe.Batch.Accumulation).Take(recipe.Batch.Accumulation)];
            int tokens = batches.Sum(b => b.Sum(training.LearnedOf));

            // 4a. forward and backward of this process's rows; each part is weighted by its share of the step's tokens
            run.Model.zero_grad();
            int[][] own = [.. batches.Select(batch => ranks.Part(batch))];
            double loss = ranks.Sum(Accumulate(run.Model, training, own, tokens))[0];

            // 4b. clip, step
            (double norm, double rate) = run.Update.Take(
                session.State.Step,
                loss,
                batches.SelectMany(b => b).Select(training.NameOf),
                () => BrokenTensor.First(run.Model, () => Accumulate(run.Model, training, own, tokens)));

            // 4c. log, evaluate, save, stop if requested
            session.Advance(tokens, loss, rate, norm);
            if (session.EvaluationDue)
            {
                session.LogEvaluation(Evaluate(ranks, run.Model, run.HeldOut, recipe.Batch.Sequences));
            }

            session.SaveIfDue(() => Checkpoint.Save(run.Folder, session.State, run.Model.Parameters, run.Optimizer, recipe.KeepCheckpoints));
        }
    }

    /// <summary>
    /// Runs forward and backward of each part. The gradients of all processes sum to that of the mean loss over the step's tokens.
    /// </summary>
    /// <returns>This process's part of the mean loss, nats per token.</returns>
    private static double Accumulate(ILanguageModel model, ISequences training, IReadOnlyList<int[]> batches, int tokens)
    {
        double loss = 0;
        foreach (int[] batch in batches.Where(batch => batch.Length > 0))
        {
            using var scope = NewDisposeScope();
            Tensor part = SumOfLosses(model, Collator.NextToken(training, batch, model.Device)) / tokens; // []
            part.backward();
            loss += part.item<float>();
        }

        return loss;
    }

    /// <summary>Summed negative log-likelihood of the targets, in nats.</summary>
    internal static Tensor SumOfLosses(ILanguageModel model, LanguageBatch batch)
    {
        Tensor hidden = model.Hidden(batch.Inputs); // [B,T,D]
        hidden = hidden.reshape(-1, hidden.shape[2]); // [B·T,D]
        hidden = batch.Places is null ? hidden : hidden.index_select(0, batch.Places); // [N,D]
        return model.SumOfLosses(hidden, batch.Targets); // []
    }

    /// <summary>Mean loss per token and its exponential on held-out sequences.</summary>
    internal static IReadOnlyList<KeyValuePair<string, double>> Evaluate(Ranks ranks, ILanguageModel model, ISequences sequences, int batchSize)
    {
        if (sequences.Count == 0)
        {
            return [];
        }

        model.eval();
        using var quiet = no_grad();
        (double sum, double tokens) = (0, 0);
        int[] lengths = [.. Enumerable.Range(0, sequences.Count).Select(sequences.LengthOf)];
        foreach (int[] rows in ranks.Part([.. MicroBatcher.Split(lengths, [.. lengths.Select(_ => 1)], int.MaxValue, batchSize)]))
        {
            using var scope = NewDisposeScope();
            LanguageBatch batch = Collator.NextToken(sequences, rows, model.Device);
            sum += SumOfLosses(model, batch).item<float>();
            tokens += batch.Count;
        }

        model.train();
        double[] all = ranks.Sum(sum, tokens);
        (sum, tokens) = (all[0], all[1]);
        return [new("loss", sum / tokens), new("perplexity", Math.Exp(sum / tokens)), new("num_tokens", tokens)];
    }

    /// <summary>Training and held-out sequences, and what was cut or left out as metrics.</summary>
    private static (ISequences Training, ISequences HeldOut, IReadOnlyList<KeyValuePair<string, double>> Counts) ReadData(
        SftRecipe recipe, TextTokenizer tokenizer, ModelConfig model, RunFolder run, RunRequest request)
    {
        SftDataSettings data = recipe.Data;
        int length = recipe.Batch.Length == 0 ? model.Context : recipe.Batch.Length;
        if (length > model.Context)
        {
            throw new BadInputException($"batch.length is {length}; the model's context is {model.Context} tokens. Lower batch.length.");
        }

        int end = tokenizer.EosId ?? throw new BadInputException("The tokenizer has no end-of-text token, which separates texts; train one with family gpt2.");
        var badRows = new BadRows(data.BadRows == "skip");
        RowSettings rows = data.Columns.Rows(badRows) with { WholeTexts = data.TextUnit == "file" };
        (IReadOnlyList<Review> training, IReadOnlyList<Review> heldOut) = ReviewSource.Split(data, rows, request);
        var limits = new SequenceLimits(model.VocabularySize, length + 1, length, SequenceLimits.OverLengthOf(data.OverLength))
        {
            Names = new LimitNames("batch.length with one more target", "batch.length", "Raise batch.length", "data.over_length"),
        };
        var whole = new TextSequences(tokenizer, limits, badRows);
        (ISequences learned, ISequences held) = (Sequences(training), Sequences(heldOut));
        badRows.Report(run.Ranks.IsFirst ? run.File(RowSource.BadRowsFile) : null, request.Progress);
        return (learned, held, [.. whole.Cuts, .. badRows.Metrics]);

        ISequences Sequences(IReadOnlyList<Review> texts) => data.Mode == "reviews" ? whole.Of(texts)
            : texts.FirstOrDefault(text => text.Prompt is not null) is { } prompted
                ? throw new BadInputException(
                    $"{prompted.Place}: has a prompt with a completion, but data.mode is \"pack\", which joins texts. Set data.mode to \"reviews\".")
                : new PackedBlocks(texts.Select(text => tokenizer.WithSpecialTokens(tokenizer.Encode(text.Text), end: false)), end, length);
    }

    /// <summary>The objects that the loop works with.</summary>
    private sealed record Parts(
        SftRecipe Recipe,
        RunFolder Folder,
        ILanguageModel Model,
        ISequences Training,
        ISequences HeldOut,
        IOptimizer Optimizer,
        ClippedStep Update);
}
