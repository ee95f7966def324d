namespace Rudder.Client.Reports;

/// <summary>Settings of all trainings side by side.</summary>
internal static class RecipeTable
{
    private const string Absent = "–";

    /// <summary>A column for each training and a row for each setting that differs; the common ones are folded away.</summary>
    /// <param name="all">The trainings of a run. Those that differ in the seed share a column. Nothing is shown without any.</param>
    public static Html Render(IReadOnlyList<TrainingRecipe> all)
    {
        TrainingRecipe[] trainings = [.. all.DistinctBy(training => training.WithoutSeed)];
        if (trainings.Length == 0)
        {
            return Html.Empty;
        }

        string[] keys = [.. trainings.SelectMany(training => training.Settings.Keys).Distinct()];
        string[] differing = [.. keys.Where(key => trainings.Select(training => ValueOf(training, key)).Distinct().Count() > 1)];
        IEnumerable<(string, string)> common = keys.Except(differing).Select(key => (key, ValueOf(trainings[0], key)));
        string title = trainings.Length == 1
            ? $"Recipe of {trainings[0].Stage}, as resolved"
            : $"Settings that all {trainings.Length} trainings have in common";
        return Html.Of(
            $"""
            {Differing(trainings, differing)}
            {SettingsSection.Table(title, common)}
            """);
    }

    private static Html Differing(IReadOnlyList<TrainingRecipe> trainings, string[] keys) =>
        keys.Length == 0
            ? Html.Empty
            : Html.Of(
                $"""
                <h3>Trainings side by side</h3>
                <p>Settings that differ, as the trainer resolved them. {Absent}: the training has no such setting. Of several seeds the first is
                shown.</p>
                {ReportPage.Table(
                    "Settings that differ between trainings",
                    Html.Of(
                        $"""
                        <thead><tr><th>setting</th>{trainings.Select(training => Html.Of($"<th>{training.Stage}</th>"))}</tr></thead>
                        <tbody>{keys.Select(key => Row(trainings, key))}</tbody>
                        """),
                    "settings side")}
                """);

    private static Html Row(IReadOnlyList<TrainingRecipe> trainings, string key) =>
        Html.Of($"<tr><th>{key}</th>{trainings.Select(training => Html.Of($"<td>{ValueOf(training, key)}</td>"))}</tr>");

    private static string ValueOf(TrainingRecipe training, string key) => training.Settings.GetValueOrDefault(key, Absent);
}
