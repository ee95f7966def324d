namespace Rudder.Shims.Tests.Torch;

/// <summary>Tests that count tensors and memory run alone: both are the whole process's.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TorchCollection
{
    public const string Name = "torch";
}
