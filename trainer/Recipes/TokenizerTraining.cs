using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a byte-level BPE vocabulary on review texts.</summary>
internal static class TokenizerTraining
{
    /// <summary>Runs the recipe and writes the tokenizer to the run's model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(TokenizerRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. texts, without the excluded ones
        run.WriteStart(recipe, request, threads: 1, RunInput.Files(recipe.Data.InputFiles()));
        long started = request.Clock.GetTimestamp();
        IReadOnlyList<Review> reviews = ReviewSource.Read(recipe.Data, request);

        // 2. merges
        string temporary = run.Model + ".tmp";
        Learn(recipe, reviews, temporary, run, request);

        // 3. how well it compresses, on a sample
        TextTokenizer tokenizer = TextTokenizer.Load(temporary)!;
        List<Review> sample = [.. reviews.Take(1000)];
        double tokens = sample.Sum(r => (double)tokenizer.Encode(r.Text).Length);
        var final = new Dictionary<string, object>
        {
            ["vocabulary_size"] = tokenizer.VocabularySize,
            ["characters_per_token"] = Math.Round(sample.Sum(r => (double)r.Text.Length) / Math.Max(1, tokens), 3),
            ["seconds"] = Math.Round(request.Clock.GetElapsedTime(started).TotalSeconds, 1),
        };
        File.Delete(run.Done); // a resumed run may be finished: done.json must not outlive the vocabulary it describes
        if (Directory.Exists(run.Model))
        {
            Directory.Delete(run.Model, recursive: true);
        }

        Directory.Move(temporary, run.Model);
        run.WriteDone(FileHash.Sha256(Path.Combine(run.Model, ModelFiles.TokenizerJson)), final);
        request.ShowResult("tokenizer", run.Model, final);
        return final;
    }

    private static void Learn(TokenizerRecipe recipe, IEnumerable<Review> reviews, string folder, RunFolder run, RunRequest request)
    {
        try
        {
            TokenizerFamily family = ModelFamilies.Of(recipe.Family).Tokenizer;
            BpeTraining.Train(reviews.Select(review => review.Text), recipe.VocabularySize, [], folder, family, request.Stop);
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException(
                $"Stopped while the vocabulary was learned; nothing of it is kept. Begin anew with: trainer {request.Command} --resume {run.Path}");
        }
    }
}
