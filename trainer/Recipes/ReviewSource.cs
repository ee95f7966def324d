using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Reads the reviews that a recipe's settings name and reports their number.</summary>
internal static class ReviewSource
{
    /// <summary>All reviews except those that must stay unseen.</summary>
    /// <param name="data">Files, exclusions and cleaning.</param>
    /// <param name="request">Gets the numbers.</param>
    /// <param name="labels">Whether labels are read; otherwise every label is ignored.</param>
    public static IReadOnlyList<Review> Read(ReviewSettings data, RunRequest request, bool labels = false)
    {
        var selection = new ReviewSelection(data.ExcludePairs, data.ExcludeTexts, data.ExcludeIds);
        IReadOnlyList<Review> reviews = selection.Read(data.Files, data.Limit, data.CleanHtml, labels);
        request.Progress.WriteLine($"{reviews.Count} reviews, {selection.LeftOut} left out");
        return reviews;
    }

    /// <summary>The reviews to learn from, and <paramref name="heldOut"/> of them held out for evaluation.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(
        ReviewSettings data, int heldOut, RunRequest request, bool labels = false)
    {
        (IReadOnlyList<Review> training, IReadOnlyList<Review> held) = ReviewSelection.Split(Read(data, request, labels), heldOut);
        request.Progress.WriteLine($"{training.Count} reviews to learn from, {held.Count} held out");
        return (training, held);
    }
}
