namespace Rudder.Trainer.Tests;

/// <summary>Tests that own what a process has once, torch's random generator and the console: none runs beside another test.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OneAtATime
{
    /// <summary>The collection's name.</summary>
    public const string Name = "one at a time";
}
