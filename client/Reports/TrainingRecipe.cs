using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rudder.Client.Reports;

/// <summary>One training of a run with its settings.</summary>
/// <param name="Stage">Its stage.</param>
/// <param name="Recipe">Recipe as resolved.</param>
internal sealed partial record TrainingRecipe(string Stage, JsonNode Recipe)
{
    /// <summary>Settings by dotted path; lists of plain values are one setting.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; } =
        SettingsSection.Flat(Recipe).DistinctBy(pair => pair.Key).ToDictionary(pair => pair.Key, pair => pair.Value);

    /// <summary>Names of the settings: paths without places in lists.</summary>
    public IReadOnlySet<string> Names { get; } = SettingsSection.Flat(Recipe).Select(pair => Place().Replace(pair.Key, "")).ToHashSet();

    /// <summary>Trainings of policies, then of reward models, that left a recipe.</summary>
    public static IReadOnlyList<TrainingRecipe> Of(ReportData data) =>
    [
        .. data.Policies.Where(policy => policy.Recipe is not null)
            .Select(policy => new TrainingRecipe(policy.Entry.Training!, policy.Recipe!)),
        .. data.RewardModels.Where(model => model.Training.Recipe is not null)
            .Select(model => new TrainingRecipe(model.Name, model.Training.Recipe!)),
    ];

    /// <summary>Name of the stage without the seed.</summary>
    public string WithoutSeed => Seed().Replace(Stage, "");

    /// <summary>A text setting at a path of keys; null where there is none.</summary>
    public string? Text(params string[] path)
    {
        JsonNode? node = Recipe;
        foreach (string key in path)
        {
            node = (node as JsonObject)?[key];
        }

        return node is JsonValue value ? value.ToString() : null;
    }

    [GeneratedRegex(@"-seed-\d+$")]
    private static partial Regex Seed();

    [GeneratedRegex(@"\[\d+\]")]
    private static partial Regex Place();
}
