using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;

namespace Rudder.Engine.Generation;

/// <summary>One binding of the decoder graph: the caches of a range of slots in place, the inputs and the logits.</summary>
internal sealed class StepBinding : GraphBinding
{
    /// <summary>Binds past and present of every layer to the same rows of the arena.</summary>
    public StepBinding(InferenceSession session, DeviceArena arena, int layers, int firstRow, int rows)
        : base(session)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            InPlace($"past_key_values.{layer}.key", $"present.{layer}.key", arena.View(2 * layer, firstRow, rows));
            InPlace($"past_key_values.{layer}.value", $"present.{layer}.value", arena.View((2 * layer) + 1, firstRow, rows));
        }
    }
}
