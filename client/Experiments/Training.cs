using System.Text.Json.Nodes;
using Rudder.Client.Forecasts;

namespace Rudder.Client.Experiments;

/// <summary>A training that a variant asks for: one run of the trainer for each value of the sweep and each seed.</summary>
/// <param name="Name">Begins the names of its stages and policies.</param>
/// <param name="Kind">Command of the trainer, one of <see cref="Kinds"/>.</param>
/// <param name="Recipe">Recipe file.</param>
/// <param name="Set">
/// Recipe values that this variant changes, by dotted path. In strings, {reference} and {classifier} stand for the folders of these models,
/// {pairs} and {held_out} for the pair files, and {NAME} for the model of an earlier training without a sweep, with the same seed.
/// </param>
/// <param name="Sweep">Recipe value that differs between its runs; null for one run.</param>
/// <param name="Seeds">Seeds; null takes the variant's and leaves it out of the names.</param>
/// <param name="LearningRate">How the learning rate is chosen; null takes the recipe's.</param>
internal sealed record Training(
    string Name,
    string Kind,
    string Recipe,
    IReadOnlyDictionary<string, JsonNode>? Set = null,
    Sweep? Sweep = null,
    IReadOnlyList<uint>? Seeds = null,
    LearningRateChoice? LearningRate = null)
{
    private static readonly string[] OfPairs = ["dpo", "kto", "reward"];

    /// <summary>Commands of the trainer that a training may name.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [.. OfPairs, "reinforce", "rloo", "grpo", "ppo", "online-dpo"];

    /// <summary>Recipe values that the variant changes.</summary>
    public IReadOnlyDictionary<string, JsonNode> Changes() => Set ?? new Dictionary<string, JsonNode>();

    /// <summary>Whether it learns from the pairs of the variant rather than from its own samples.</summary>
    public bool UsesPairs() => OfPairs.Contains(Kind);

    /// <summary>Whether its model can be sampled: a reward model cannot.</summary>
    public bool GivesPolicy() => Kind != "reward";

    /// <summary>Its runs, in the order of the sweep, then of the seeds.</summary>
    /// <param name="seed">The variant's seed.</param>
    public IEnumerable<TrainingRun> Runs(uint seed) =>
        from value in Sweep is null ? [null] : Sweep.Values.Select(value => (double?)value)
        from own in Seeds is null ? [null] : Seeds.Select(own => (uint?)own)
        select new TrainingRun(this, value, own ?? seed, Stage(value, own));

    /// <summary>The stage of one run: NAME, NAME-KEY-VALUE, NAME-seed-SEED or both.</summary>
    /// <param name="value">Value of the sweep; null without one.</param>
    /// <param name="seed">One of <see cref="Seeds"/>; null without them.</param>
    public string Stage(double? value, uint? seed)
    {
        string swept = value is { } number ? $"-{Sweep!.Key.Split('.')[^1].Replace('_', '-')}-{ModelStages.Text(number)}" : "";
        return Name + swept + (seed is { } own ? $"-seed-{own}" : "");
    }
}

/// <summary>Values of one recipe setting, each of which gives a run.</summary>
/// <param name="Key">Dotted path in the recipe, e.g. beta or alpha.</param>
/// <param name="Values">Distinct values.</param>
internal sealed record Sweep(string Key, IReadOnlyList<double> Values);

/// <summary>One run of a training.</summary>
/// <param name="Training">The training.</param>
/// <param name="Value">Value of its sweep; null without one.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Stage">Name of its stage.</param>
internal sealed record TrainingRun(Training Training, double? Value, uint Seed, string Stage)
{
    /// <summary>KL strength, where the sweep is over beta.</summary>
    public double? Beta => Training.Sweep?.Key == "beta" ? Value : null;
}

/// <summary>Comparison of all policies on held-out pairs.</summary>
/// <param name="RewardModel">Name of a training of kind reward without a sweep; a policy meets the one with its seed, or the first.</param>
internal sealed record ComparisonStage(string RewardModel);

/// <summary>Scores of forecasts in a file; such a variant has no models.</summary>
/// <param name="File">CSV file.</param>
/// <param name="Probability">Column of the probability.</param>
/// <param name="Outcome">Column of the outcome.</param>
/// <param name="Bins">Groups of the reliability diagram. Default 10.</param>
internal sealed record ForecastStage(
    string File,
    string Probability = ForecastFile.ProbabilityColumn,
    string Outcome = ForecastFile.OutcomeColumn,
    int Bins = 10);
