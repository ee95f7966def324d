using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>The additive causal mask, made once for the whole context and cut to each batch's length.</summary>
internal sealed class CausalMask : IDisposable
{
    private readonly Tensor full;
    private readonly long context;

    /// <summary>Builds the [C,C] mask: 0 on and below the diagonal, −∞ above it.</summary>
    public CausalMask(long context, Device device)
    {
        using var scope = NewDisposeScope();
        this.context = context;
        Tensor future = triu(ones(context, context), 1).gt(0); // [C,C]
        full = zeros(context, context).masked_fill(future, double.NegativeInfinity).to(device).DetachFromDisposeScope(); // [C,C]
    }

    /// <summary>The mask of the first <paramref name="time"/> positions, [T,T].</summary>
    public Tensor For(long time)
    {
        if (time == context)
        {
            return full;
        }

        Tensor rows = full.split([time, context - time], 0)[0]; // [T,C]
        return rows.split([time, context - time], 1)[0]; // [T,T]
    }

    /// <inheritdoc/>
    public void Dispose() => full.Dispose();
}
