using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>Reads the reviews that a recipe names, drops excluded ones, and splits off a part for evaluation.</summary>
internal sealed class ReviewSelection
{
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    /// <summary>Collects the exclusions.</summary>
    /// <param name="excludePairs">Pair files; excludes their <c>source</c> ids and both texts.</param>
    /// <param name="excludeTexts">Review files; excludes their texts.</param>
    /// <param name="excludeIds">A file of ids, one per line.</param>
    public ReviewSelection(IEnumerable<string> excludePairs, IEnumerable<string> excludeTexts, string? excludeIds)
    {
        foreach (CounterfactualPair pair in excludePairs.SelectMany(CounterfactualPairs.Read))
        {
            _ids.UnionWith(pair.Source);
            _texts.Add(KeyOf(pair.Prompt + pair.Chosen));
            _texts.Add(KeyOf(pair.Prompt + pair.Rejected));
        }

        foreach (Review review in excludeTexts.SelectMany(file => Reviews.Read(file)))
        {
            _texts.Add(KeyOf(review.Text));
        }

        if (excludeIds is not null)
        {
            _ids.UnionWith(File.ReadLines(excludeIds).Select(l => l.Trim()).Where(l => l.Length > 0));
        }
    }

    /// <summary>Reviews left out by the last call of Read.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Reads the files in order, up to <paramref name="limit"/> reviews (0: all) after exclusions.</summary>
    /// <param name="files">Review files.</param>
    /// <param name="limit">Maximum number of reviews; 0 for all.</param>
    /// <param name="cleanHtml">Whether to remove HTML from texts.</param>
    /// <param name="labels">Whether to read labels.</param>
    public IReadOnlyList<Review> Read(IEnumerable<string> files, int limit, bool cleanHtml, bool labels) =>
        Read(files.SelectMany(file => Reviews.Read(file, cleanHtml, labels)), limit);

    /// <summary>Takes the reviews in order, up to <paramref name="limit"/> (0: all) after exclusions.</summary>
    public IReadOnlyList<Review> Read(IEnumerable<Review> reviews, int limit)
    {
        LeftOut = 0;
        var kept = new List<Review>();
        foreach (Review review in reviews)
        {
            if (_ids.Contains(review.Id) || (_texts.Count > 0 && _texts.Contains(KeyOf(review.Prompt + review.Text))))
            {
                LeftOut++;
                continue;
            }

            kept.Add(review);
            if (kept.Count == limit)
            {
                break;
            }
        }

        return kept;
    }

    /// <summary>Takes <paramref name="count"/> reviews, evenly spread over the list, for evaluation.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(IReadOnlyList<Review> reviews, int count)
    {
        if (count > 0 && count * 2 > reviews.Count)
        {
            throw new BadInputException($"data.held_out is {count}, but only {reviews.Count} reviews were read; keep at most half of them.");
        }

        var held = Enumerable.Range(0, count).Select(i => (int)((long)i * reviews.Count / count)).ToHashSet();
        return ([.. reviews.Where((_, i) => !held.Contains(i))], [.. reviews.Where((_, i) => held.Contains(i))]);
    }

    // Two copies of a review may differ in line breaks, their tags and punctuation: compare cleaned letters and digits only.
    private static string KeyOf(string text) => string.Concat(TextCleaning.Clean(text).Where(char.IsLetterOrDigit)).ToUpperInvariant();
}
