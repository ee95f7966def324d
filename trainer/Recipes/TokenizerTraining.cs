using System.Security.Cryptography;
using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Trains a byte-level BPE vocabulary on review texts.</summary>
internal static class TokenizerTraining
{
    private static readonly string[] Gpt2Tokens = ["<|endoftext|>"];
    private static readonly string[] RobertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>Runs the recipe; the tokenizer lies in the run's model folder.</summary>
    /// <returns>The final metrics.</returns>
    public static IReadOnlyDictionary<string, object> Run(TokenizerRecipe recipe, RunFolder run, RunRequest request)
    {
        // 1. texts, without those that must stay unseen
        run.WriteStart(recipe, request, threads: 1);
        long started = request.Clock.GetTimestamp();
        IReadOnlyList<Review> reviews = ReviewSource.Read(recipe.Data, request);

        // 2. merges
        bool gpt2 = recipe.Family == "gpt2";
        string temporary = run.Model + ".tmp";
        BpeTraining.Train(
            reviews.Select(r => r.Text),
            recipe.VocabularySize,
            gpt2 ? Gpt2Tokens : RobertaTokens,
            temporary,
            gpt2 ? TokenizerFamily.Gpt2 : TokenizerFamily.Roberta);

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
        Directory.Move(temporary, run.Model);
        byte[] file = File.ReadAllBytes(Path.Combine(run.Model, "tokenizer.json"));
        run.WriteDone(Convert.ToHexStringLower(SHA256.HashData(file)), final);
        request.Progress.WriteLine($"tokenizer: {run.Model}");
        return final;
    }
}
