using System.Text.Json.Nodes;
using Rudder.Tests;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Recipes of the shipped experiments are valid as they stand, and with every value that a variant changes.</summary>
public sealed class ExperimentRecipesTests
{
    private static readonly Dictionary<string, Func<string, IReadOnlyList<string>, object>> Readers = new()
    {
        ["sft"] = RecipeReader.Read<SftRecipe>,
        ["dpo"] = RecipeReader.Read<PreferenceRecipe>,
        ["kto"] = RecipeReader.Read<KtoRecipe>,
        ["reward"] = RecipeReader.Read<RewardRecipe>,
        ["reinforce"] = RecipeReader.Read<ReinforceRecipe>,
        ["rloo"] = RecipeReader.Read<RlooRecipe>,
        ["grpo"] = RecipeReader.Read<GrpoRecipe>,
        ["ppo"] = RecipeReader.Read<PpoRecipe>,
        ["online-dpo"] = RecipeReader.Read<OnlineDpoRecipe>,
    };

    public static TheoryData<string> Experiments() =>
        [.. Directory.EnumerateDirectories(Path.Combine(SharedFolder.Root, "experiments"))
            .Where(folder => File.Exists(Path.Combine(folder, "experiment.json")))
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Experiments))]
    public void Read_RecipesOfAnExperiment_AreValidWithTheVariantsValues(string name)
    {
        JsonNode file = JsonNode.Parse(File.ReadAllText(Path.Combine(SharedFolder.Root, "experiments", name, "experiment.json")))!;
        foreach (JsonNode variant in file["variants"]!.AsObject().Select(pair => pair.Value!))
        {
            foreach ((string kind, JsonNode training) in Trainings(variant))
            {
                string recipe = Path.Combine(SharedFolder.Root, training["recipe"]!.ToString());
                Readers[kind](recipe, []);
                foreach (string swept in Swept(training))
                {
                    Readers[kind](recipe, [.. Values(training["set"]), .. Values(training["learning_rate"]?["set"]), swept]);
                }
            }
        }
    }

    private static IEnumerable<(string Kind, JsonNode Training)> Trainings(JsonNode variant) =>
    [
        .. (variant["trainings"]?.AsArray() ?? []).Select(training => (training!["kind"]!.ToString(), training)),
        .. new[] { "sft", "dpo" }.Where(kind => variant[kind] is not null).Select(kind => (kind, variant[kind]!)),
    ];

    private static IEnumerable<string> Swept(JsonNode training) =>
        training["sweep"] is { } sweep ? sweep["values"]!.AsArray().Select(value => $"{sweep["key"]}={value!.ToJsonString()}") : ["seed=1"];

    private static IEnumerable<string> Values(JsonNode? set) =>
        (set?.AsObject() ?? []).Select(pair =>
            $"{pair.Key}={(pair.Value is JsonValue value && value.TryGetValue(out string? text) ? Filled(text) : pair.Value!.ToJsonString())}");

    /// <summary>The client writes a path in place of <c>{pairs}</c> and the like.</summary>
    private static string Filled(string text) => text.StartsWith('{') ? "runs/" + text.Trim('{', '}') : text;
}
