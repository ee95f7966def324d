using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>One reward of an on-policy recipe.</summary>
internal sealed record RewardSettings
{
    private static readonly Dictionary<string, string[]> Reads = new(StringComparer.Ordinal)
    {
        ["classifier"] = ["model", "label"],
        ["reward_model"] = ["model"],
        ["service"] = ["url", "model", "label", "api_key_file", "timeout_seconds", "retries"],
        ["http"] = ["url", "timeout_seconds", "retries"],
        ["length"] = ["target"],
        ["regex"] = ["pattern", "max_matches"],
    };

    [MinLength(1)] [RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")] public string Name { get; init; } = string.Empty;
    [AllowedValues("classifier", "reward_model", "service", "http", "length", "regex")] public string Kind { get; init; } = string.Empty;
    public double Weight { get; init; } = 1;
    public string? Model { get; init; }
    public string? Label { get; init; }
    public string? Url { get; init; }
    public string? ApiKeyFile { get; init; }
    public string? Pattern { get; init; }
    [Range(1, 1_000_000)] public int? MaxMatches { get; init; }
    [Range(1, 8192)] public int? Target { get; init; }
    [Range(0.001, 86400)] public double? TimeoutSeconds { get; init; }
    [Range(0, 50)] public int? Retries { get; init; }

    /// <summary>Whether <see cref="Model"/> is a folder that this process reads.</summary>
    internal bool IsFolder => Kind is "classifier" or "reward_model";

    /// <summary>Refuses rewards that lack a setting, have one of another kind, or share a name.</summary>
    /// <param name="rewards">The rewards of a recipe.</param>
    /// <param name="path">The recipe file, for messages.</param>
    internal static void Check(IReadOnlyList<RewardSettings> rewards, string path)
    {
        for (int i = 0; i < rewards.Count; i++)
        {
            rewards[i].Check($"{path}: rewards[{i}]");
        }

        if (rewards.GroupBy(reward => reward.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new BadInputException($"{path}: two rewards are called '{twice.Key}'. Give each its own name: it names a metric.");
        }

        if (rewards.All(reward => reward.Weight == 0))
        {
            throw new BadInputException($"{path}: every reward has weight 0, so there is nothing to learn. Give one a weight.");
        }
    }

    private void Check(string place)
    {
        (string Key, object? Value)[] all =
        [
            ("model", Model), ("label", Label), ("url", Url), ("pattern", Pattern), ("max_matches", MaxMatches), ("target", Target),
            ("api_key_file", ApiKeyFile), ("timeout_seconds", TimeoutSeconds), ("retries", Retries),
        ];
        string[] reads = Reads[Kind];
        if (Array.Find(all, setting => setting.Value is not null && !reads.Contains(setting.Key)).Key is string foreign)
        {
            throw new BadInputException($"{place}.{foreign} is given, but a reward of kind '{Kind}' does not read it; it reads {string.Join(", ", reads)}.");
        }

        string[] required = ["model", "url", "pattern", "target"];
        if (Array.Find(all, setting => setting.Value is null && reads.Contains(setting.Key) && required.Contains(setting.Key)).Key is string missing)
        {
            throw new BadInputException($"{place}.{missing} is missing; a reward of kind '{Kind}' needs it.");
        }

        if (Url is not null && !(Uri.TryCreate(Url, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
        {
            throw new BadInputException($"{place}.url is '{Url}'; give an http or https address, as in http://127.0.0.1:8000/score.");
        }

        RequirePattern(place);
    }

    private void RequirePattern(string place)
    {
        try
        {
            _ = Pattern is null ? null : new Regex(Pattern);
        }
        catch (ArgumentException wrong)
        {
            throw new BadInputException($"{place}.pattern is '{Pattern}', not a regular expression: {wrong.Message}", wrong);
        }
    }
}
