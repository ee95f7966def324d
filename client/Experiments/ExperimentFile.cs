using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Files;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>An experiment file: what is asked, and its variants from minutes to hours. docs/experiments.md documents the keys.</summary>
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

/// <summary>One size of an experiment.</summary>
internal sealed record Variant(
    string Description,
    SourceModel Policy,
    SourceModel Classifier,
    PairsStage Pairs,
    TrainingStage Dpo,
    IReadOnlyList<double> Betas,
    LearningRateChoice LearningRate,
    EvaluationPlan Evaluation,
    uint Seed = 0,
    TrainingStage? Sft = null,
    string PositiveLabel = "POSITIVE",
    string Precision = "fp32");

/// <summary>A model folder.</summary>
internal sealed record SourceModel(string Folder, string? Download = null);

/// <summary>Preference pairs.</summary>
internal sealed record PairsStage(PromptSource Prompts, int Samples = 4, int MaxNewTokens = 48, int Batch = 16, int InFlight = 2);

/// <summary>A training by the trainer.</summary>
internal sealed record TrainingStage(string Recipe, IReadOnlyDictionary<string, JsonNode>? Set = null);

/// <summary>The learning rate of DPO.</summary>
internal sealed record LearningRateChoice(
    double? Value = null,
    string? Reason = null,
    IReadOnlyList<double>? Candidates = null,
    double Beta = 0.1,
    double KlLimit = 25,
    EvaluationPlan? Development = null);
