using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>Checks the labels that a classifier learns from.</summary>
internal static class LabelCheck
{
    /// <summary>A review's label.</summary>
    /// <exception cref="BadInputException">The review has no label, or one without a name.</exception>
    public static int Of(Review review, IReadOnlyList<string> names) =>
        review.Label is int label && label < names.Count
            ? label
            : throw new BadInputException(
                $"Review {review.Id} has label {review.Label?.ToString() ?? "none"}; data.labels names {names.Count}, numbered from 0.");

    /// <summary>Refuses training data with a single label, and warns about label names without reviews.</summary>
    /// <exception cref="BadInputException">Every review has the same label.</exception>
    public static void Require(IReadOnlyList<Review> training, IReadOnlyList<string> names, TextWriter warnings)
    {
        int[] seen = [.. training.Select(review => Of(review, names)).Distinct().Order()];
        if (seen is [int only])
        {
            throw new BadInputException(
                $"All {training.Count} training reviews have label {only} ({names[only]}), but a classifier needs at least two. "
                + "Add files with other labels to data.files; data.limit keeps the first reviews only.");
        }

        string missing = string.Join(", ", names.Where((_, label) => !seen.Contains(label)));
        if (seen.Length > 0 && missing.Length > 0)
        {
            warnings.WriteLine($"warning: no training review has label {missing}; labels seen: {string.Join(", ", seen.Select(label => $"{label} ({names[label]})"))}");
        }
    }
}
