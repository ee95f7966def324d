using Rudder.Datasets;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Reads the reviews that a recipe names and reports how many there are.</summary>
internal static class ReviewSource
{
    /// <summary>All reviews except the excluded ones.</summary>
    public static IReadOnlyList<Review> Read(ReviewSettings data, RunRequest request, bool labels = false) =>
        Select(data, request, file => Reviews.Read(file, data.CleanHtml, labels));

    /// <summary>Splits the reviews into training reviews and <paramref name="heldOut"/> held-out ones.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(
        ReviewSettings data, int heldOut, RunRequest request, bool labels = false) =>
        Split(Read(data, request, labels), heldOut, request);

    /// <summary>As above, for texts to train on.</summary>
    public static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(SftDataSettings data, RowSettings rows, RunRequest request) =>
        Split(Select(data, request, file => TrainingTexts.Read(file, rows, data.CleanHtml)), data.HeldOut, request);

    private static IReadOnlyList<Review> Select(ReviewSettings data, RunRequest request, Func<string, IEnumerable<Review>> read)
    {
        var selection = new ReviewSelection(data.ExcludePairs, data.ExcludeTexts, data.ExcludeIds);
        IReadOnlyList<Review> reviews = selection.Read(DataFiles.Find(data.Files).SelectMany(read), data.Limit);
        request.Progress.WriteLine($"{reviews.Count} reviews, {selection.LeftOut} left out");
        return reviews;
    }

    private static (IReadOnlyList<Review> Training, IReadOnlyList<Review> HeldOut) Split(IReadOnlyList<Review> reviews, int heldOut, RunRequest request)
    {
        (IReadOnlyList<Review> training, IReadOnlyList<Review> held) = ReviewSelection.Split(reviews, heldOut);
        request.Progress.WriteLine($"{training.Count} reviews to learn from, {held.Count} held out");
        return (training, held);
    }
}
