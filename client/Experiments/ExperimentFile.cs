using System.Text.Json.Nodes;
using Rudder.Client.Files;
using Rudder.Client.Pairs;

namespace Rudder.Client.Experiments;

/// <summary>An experiment file: what is asked, and its variants from minutes to hours. Paths are relative to the current folder.</summary>
/// <param name="Name">Name of the experiment; its runs are runs/NAME-VARIANT.</param>
/// <param name="Title">Heading of the report.</param>
/// <param name="Description">What the experiment shows, for the report.</param>
/// <param name="Variants">By name, e.g. demo, mini, full.</param>
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
/// <param name="Description">What it uses and how long it takes.</param>
/// <param name="Policy">Model to be steered; after <paramref name="Sft"/>, where given, it is the reference.</param>
/// <param name="Classifier">Model whose P(positive) is the reward.</param>
/// <param name="Pairs">How preference pairs are made.</param>
/// <param name="Dpo">How each policy is trained.</param>
/// <param name="Betas">KL strengths; each gives one policy.</param>
/// <param name="LearningRate">A fixed value with its reason, or candidates to choose from.</param>
/// <param name="Evaluation">How reference and policies are evaluated.</param>
/// <param name="Seed">Seed of sampling, training and bootstrap. Default 0.</param>
/// <param name="Sft">Fine-tuning that comes first; null where the policy is fine-tuned already.</param>
/// <param name="PositiveLabel">Label whose probability is the reward. Default POSITIVE.</param>
/// <param name="Precision">Of the models at the service: fp32 or int8. Default fp32.</param>
internal sealed record Variant(
    string Description,
    SourceModel Policy,
    SourceModel Classifier,
    PairsStage Pairs,
    TrainingStage Dpo,
    IReadOnlyList<double> Betas,
    LearningRateChoice LearningRate,
    EvaluationStage Evaluation,
    uint Seed = 0,
    TrainingStage? Sft = null,
    string PositiveLabel = "POSITIVE",
    string Precision = "fp32");

/// <summary>A model folder.</summary>
/// <param name="Folder">Hugging Face layout.</param>
/// <param name="Download">Command that fetches it, shown where the folder is missing; null for models of this repository.</param>
internal sealed record SourceModel(string Folder, string? Download = null);

/// <summary>Preference pairs.</summary>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Samples">Completions of each prompt. Default 4.</param>
/// <param name="MaxNewTokens">Default 48.</param>
/// <param name="Batch">Prompts a request. Default 16.</param>
/// <param name="InFlight">Requests at once. Default 2.</param>
internal sealed record PairsStage(PromptSource Prompts, int Samples = 4, int MaxNewTokens = 48, int Batch = 16, int InFlight = 2);

/// <summary>A training by the trainer.</summary>
/// <param name="Recipe">Recipe file.</param>
/// <param name="Set">Recipe values that this variant changes, by dotted path.</param>
internal sealed record TrainingStage(string Recipe, IReadOnlyDictionary<string, JsonNode>? Set = null);

/// <summary>The learning rate of DPO.</summary>
/// <param name="Value">Fixed value; null where it is chosen.</param>
/// <param name="Reason">Why that value. Required with <paramref name="Value"/>.</param>
/// <param name="Candidates">Values tried on development prompts.</param>
/// <param name="Beta">KL strength of the trials.</param>
/// <param name="KlLimit">Candidates with a larger kl/seq_exact (nats) on development prompts are passed over.</param>
/// <param name="Development">Evaluation of the trials; never on test prompts.</param>
internal sealed record LearningRateChoice(
    double? Value = null,
    string? Reason = null,
    IReadOnlyList<double>? Candidates = null,
    double Beta = 0.1,
    double KlLimit = 25,
    EvaluationStage? Development = null);

/// <summary>An evaluation.</summary>
/// <param name="Prompts">Texts that become prompts.</param>
/// <param name="Samples">Completions of each prompt. Default 5.</param>
/// <param name="MaxNewTokens">Default 48.</param>
/// <param name="Bootstrap">Resamples. Default 2000.</param>
/// <param name="Batch">Prompts a request. Default 16.</param>
/// <param name="InFlight">Requests at once. Default 2.</param>
internal sealed record EvaluationStage(
    PromptSource Prompts,
    int Samples = 5,
    int MaxNewTokens = 48,
    int Bootstrap = 2000,
    int Batch = 16,
    int InFlight = 2);
