using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>One running average of an optimizer.</summary>
internal sealed record NamedState(string Name, Tensor Value);
