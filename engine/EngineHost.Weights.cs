using Rudder.Engine.Registry;

namespace Rudder.Engine;

public sealed partial class EngineHost
{
    /// <summary>Replaces all weights of a loaded generator in place, without reading files or opening graphs.</summary>
    /// <remarks>
    /// For training on the model's own samples. Requests that have begun finish under the old weights; requests that arrive while the
    /// replacement waits run under the new ones. No request sees both, and no cached prompt outlives the weights that read it. The model
    /// must be loaded with <see cref="ModelSource.ReplaceableWeights"/>. If writing the weights fails, the task reports that failure, and the
    /// model refuses requests (<see cref="FaultKind.Unavailable"/>) until a replacement succeeds: it never answers with half of the new weights.
    /// </remarks>
    /// <param name="model">Name of the generator.</param>
    /// <param name="weights">
    /// Every weight, row-major in the shape of the model's <c>model.safetensors</c>, by its name there, with or without the prefix
    /// <c>transformer.</c>: <c>wte.weight</c> [V,D], <c>h.0.attn.c_attn.weight</c> [D,3D], <c>h.0.ln_1.bias</c> [D]. The output layer is
    /// the table <c>wte.weight</c>; where a model ties the two, <c>lm_head.weight</c> may be left out and must otherwise equal the table.
    /// The memory must not change until the task completes.
    /// </param>
    /// <param name="cancellation">Ends the wait; nothing is changed then. A replacement that has begun completes.</param>
    /// <returns>The version of the new weights, as in <see cref="GeneratedSequence.WeightsVersion"/>.</returns>
    /// <exception cref="RequestFault">
    /// No model has the name, or it was loaded without ReplaceableWeights (<see cref="FaultKind.Unsupported"/>); or a weight is unknown, missing, of
    /// another length, NaN or infinite (<see cref="FaultKind.Invalid"/>, field <c>weights[NAME]</c>); or the model was retired while the
    /// replacement waited (<see cref="FaultKind.Unavailable"/>). Nothing is changed.
    /// </exception>
    /// <example><code>
    /// await engine.LoadAsync(new ModelSource("policy", "models/imdb-mini") { ReplaceableWeights = true });
    /// long version = await engine.ReplaceWeightsAsync("policy", weights);      // name -> ReadOnlyMemory of float
    /// </code></example>
    public async Task<long> ReplaceWeightsAsync(
        string model, IReadOnlyDictionary<string, ReadOnlyMemory<float>> weights, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        using var lease = Acquire(model);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lease.Ended);
        try
        {
            return await WeightReplacement.RunAsync(lease.Model, weights, ended.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EngineFaults.Stopped();                    // the model was retired, and its calls have used up their time
        }
    }
}
