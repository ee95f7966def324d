using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Reads the reviews that a recipe's settings name, and says how many there are.</summary>
internal static class ReviewSource
{
    /// <summary>All of them, without those that must stay unseen.</summary>
    public static IReadOnlyList<Review> Read(ReviewSettings data, RunRequest request)
    {
        var selection = new ReviewSelection(data.ExcludePairs, data.ExcludeTexts, data.ExcludeIds);
        IReadOnlyList<Review> reviews = selection.Read(data.Files, data.Limit);
        request.Progress.WriteLine($"{reviews.Count} reviews, {selection.LeftOut} left out");
        return reviews;
    }

    /// <summary>The reviews to learn from, and <paramref name="heldOut"/> kept from them for evaluation.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(ReviewSettings data, int heldOut, RunRequest request)
    {
        (IReadOnlyList<Review> training, IReadOnlyList<Review> held) = ReviewSelection.Split(Read(data, request), heldOut);
        request.Progress.WriteLine($"{training.Count} reviews to learn from, {held.Count} held out");
        return (training, held);
    }
}
