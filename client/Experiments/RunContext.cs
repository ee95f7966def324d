using Rudder.Client.Evaluation;

namespace Rudder.Client.Experiments;

/// <summary>What every stage of a run works with.</summary>
/// <param name="Root">Folder of the run.</param>
/// <param name="Experiment">The experiment.</param>
/// <param name="VariantName">Name of the variant.</param>
/// <param name="Variant">The variant.</param>
/// <param name="Reproduce">Command that repeats the run.</param>
/// <param name="Device">Device option for the trainer; null leaves it to the recipe.</param>
/// <param name="Stages">Runs or keeps stages.</param>
/// <param name="Inputs">Hashes of what stages depend on.</param>
/// <param name="Service">The service, started where needed.</param>
/// <param name="Trainer">The trainer.</param>
/// <param name="Display">Messages and progress.</param>
/// <param name="Time">Clock.</param>
internal sealed record RunContext(
    string Root,
    ExperimentFile Experiment,
    string VariantName,
    Variant Variant,
    string Reproduce,
    string? Device,
    StageRunner Stages,
    StageInputs Inputs,
    ServiceSession Service,
    TrainerProgram Trainer,
    Display Display,
    TimeProvider Time)
{
    /// <summary>Name of the reference at the service and in results.</summary>
    public const string ReferenceName = "reference";

    /// <summary>Name of the classifier at the service.</summary>
    public const string ClassifierName = "classifier";
}

/// <summary>A policy that is ready to be served.</summary>
/// <param name="Name">reference, or dpo-beta-VALUE.</param>
/// <param name="Beta">KL strength; null for the reference.</param>
/// <param name="Folder">Model folder with graphs.</param>
/// <param name="Training">Stage of its training; null for the reference.</param>
internal sealed record ServedPolicy(string Name, double? Beta, string Folder, string? Training);

/// <summary>A policy with its evaluation.</summary>
internal sealed record EvaluatedPolicy(ServedPolicy Policy, string File, EvaluationResult Result);
