using System.Text;
using Rudder.Datasets;

namespace Rudder.Benchmarks;

/// <summary>
/// Texts for the scoring benchmark: whole IMDB reviews if they are available, otherwise embedded prompts joined to texts of the same
/// lengths.
/// </summary>
internal static class ReviewTexts
{
    private const string FileName = "imdb.test.jsonl.gz";
    private const double MedianWords = 174, LogDeviation = 0.65;   // of IMDB's reviews, nearly log-normal
    private const int FewestWords = 10, MostWords = 1500;

    /// <summary>Returns the texts and their source, which the result records.</summary>
    /// <param name="root">Root of the checkout.</param>
    /// <param name="count">Number of texts.</param>
    public static (IReadOnlyList<string> Texts, string Source) Take(string root, int count)
    {
        string folder = Environment.GetEnvironmentVariable("RUDDER_DATA") ?? Path.Combine(root, "..", "shared", "data");
        string file = Path.Combine(folder, FileName);
        return File.Exists(file)
            ? ([.. Reviews.Read(file, cleanHtml: true).Take(count).Select(review => review.Text)], $"the first {count} of {FileName}")
            : (MadeUp(Path.Combine(root, "experiments", "imdb-dpo", "prompts.jsonl"), count), "embedded prompts joined to the lengths of IMDB reviews");
    }

    private static string[] MadeUp(string prompts, int count)
    {
        string[] openings = [.. Prompts.Read(prompts).Select(prompt => prompt.Text)];
        var random = new Random(6);
        return [.. Enumerable.Range(0, count).Select(_ => Text(openings, random))];
    }

    private static string Text(string[] openings, Random random)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        int words = (int)Math.Clamp(MedianWords * Math.Exp(LogDeviation * normal), FewestWords, MostWords);
        var text = new StringBuilder();
        while (words > 0)
        {
            string opening = openings[random.Next(openings.Length)];
            words -= opening.Split(' ').Length;
            text.Append(opening).Append(". ");
        }

        return text.ToString();
    }
}
