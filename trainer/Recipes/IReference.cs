using Rudder.Trainer.Data;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Gives a batch the log-probs of its rows under the reference.</summary>
internal interface IReference
{
    /// <summary>log π_ref of each row, nats summed over completion tokens, without gradient. [B]</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="rows">The same as tensors, on the policy's device.</param>
    Tensor Of(PreferenceBatch batch, PreferenceTensors rows);
}

/// <summary>A frozen reference, whose log-probs were computed before training. The model itself is no longer in memory.</summary>
/// <param name="values">Nats, by completion row of the data.</param>
internal sealed class ScoredReference(float[] values) : IReference
{
    public Tensor Of(PreferenceBatch batch, PreferenceTensors rows) =>
        tensor(batch.CompletionRows.Select(row => values[row]).ToArray(), device: rows.InputIds.device); // [B]
}
