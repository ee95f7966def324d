namespace Rudder.Trainer.Soak;

/// <summary>
/// Tests that train in this process run alone: torch's random generator, its tensor count and the resident memory belong to the process.
/// </summary>
[CollectionDefinition(nameof(TrainingCollection), DisableParallelization = true)]
public sealed class TrainingCollection;
