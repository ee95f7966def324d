using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Reads the reviews that a recipe names and reports how many there are.</summary>
internal static class ReviewSource
{
    /// <summary>All reviews except the excluded ones.</summary>
    public static IReadOnlyList<Review> Read(ReviewSettings data, RunRequest request, bool labels = false)
    {
        var selection = new ReviewSelection(data.ExcludePairs, data.ExcludeTexts, data.ExcludeIds);
        IReadOnlyList<Review> reviews = selection.Read(data.Files, data.Limit, data.CleanHtml, labels);
        request.Progress.WriteLine($"{reviews.Count} reviews, {selection.LeftOut} left out");
        return reviews;
    }

    /// <summary>Splits the reviews into training reviews and <paramref name="heldOut"/> held-out ones.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(
        ReviewSettings data, int heldOut, RunRequest request, bool labels = false)
    {
        (IReadOnlyList<Review> training, IReadOnlyList<Review> held) = ReviewSelection.Split(Read(data, request, labels), heldOut);
        request.Progress.WriteLine($"{training.Count} reviews to learn from, {held.Count} held out");
        return (training, held);
    }
}
