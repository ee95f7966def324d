using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>An experiment file: what is asked, and its variants from minutes to hours. Paths are relative to the current folder.</summary>
internal sealed record ExperimentFile(string Name, string Title, string Description, IReadOnlyDictionary<string, Variant> Variants)
{
    /// <summary>Reads and validates the file.</summary>
    public static ExperimentFile Load(string path)
    {
        ExperimentFile file = StrictJson.Read<ExperimentFile>(path);
        VariantRules.RequireName(file.Name, "name", path);
        foreach ((string name, Variant variant) in file.Variants)
        {
            VariantRules.RequireName(name, "variant", path);
            VariantRules.Validate(variant, $"{path}, variant {name}");
        }

        return file;
    }

    /// <summary>A variant by name; the error names those there are.</summary>
    public Variant Find(string variant) =>
        Variants.TryGetValue(variant, out Variant? found)
            ? found
            : throw new BadInputException(
                $"Experiment '{Name}' has no variant '{variant}'.{Spelling.Hint(variant, Variants.Keys)} It has {string.Join(", ", Variants.Keys)}."
            );
}

/// <summary>One size of an experiment: policy, classifier and evaluation, or <paramref name="Forecast"/> alone.</summary>
internal sealed record Variant(
    string Description,
    SourceModel? Policy = null,
    SourceModel? Classifier = null,
    PairsStage? Pairs = null,
    TrainingStage? Dpo = null,
    IReadOnlyList<double>? Betas = null,
    LearningRateChoice? LearningRate = null,
    EvaluationPlan? Evaluation = null,
    uint Seed = 0,
    TrainingStage? Sft = null,
    string PositiveLabel = "POSITIVE",
    string Precision = "fp32",
    PairsStage? HeldOut = null,
    IReadOnlyList<Training>? Trainings = null,
    ForecastStage? Forecast = null,
    ComparisonStage? Comparison = null)
{
    /// <summary>All trainings, the short form included.</summary>
    public IReadOnlyList<Training> AllTrainings() =>
        Dpo is null
            ? Trainings ?? []
            : [new Training("dpo", "dpo", Dpo.Recipe, Dpo.Set, new Sweep("beta", Betas!), LearningRate: LearningRate), .. Trainings ?? []];
}

/// <summary>A model folder, or for a classifier the reward model that a training of the run makes.</summary>
internal sealed record SourceModel(string? Folder = null, string? Download = null, string? Training = null);

/// <summary>Preference pairs: completions of the reference, ranked by the classifier, or given texts.</summary>
internal sealed record PairsStage(
    PromptSource? Prompts = null,
    int Samples = 4,
    int MaxNewTokens = 48,
    int Batch = 16,
    int InFlight = 2,
    PairTexts? Texts = null,
    int Limit = 0);

/// <summary>A training by the trainer.</summary>
internal sealed record TrainingStage(string Recipe, IReadOnlyDictionary<string, JsonNode>? Set = null);

/// <summary>The learning rate of a training.</summary>
internal sealed record LearningRateChoice(
    double? Value = null,
    string? Reason = null,
    IReadOnlyList<double>? Candidates = null,
    double Beta = 0.1,
    double KlLimit = 25,
    EvaluationPlan? Development = null,
    IReadOnlyDictionary<string, JsonNode>? Set = null);
