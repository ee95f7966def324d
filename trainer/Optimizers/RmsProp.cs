using Rudder.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>RMSprop as PyTorch defines it: not centred, no momentum; weight decay is added to the gradient.</summary>
internal sealed class RmsProp : IOptimizer
{
    private readonly IReadOnlyList<Slot> slots;
    private readonly double alpha;
    private readonly double eps;

    /// <summary>Creates the optimizer with zero averages.</summary>
    /// <param name="parameters">What learns.</param>
    /// <param name="alpha">Smoothing of the squared gradient.</param>
    /// <param name="eps">Added to the root.</param>
    /// <param name="decay">Weight decay of a parameter.</param>
    public RmsProp(IEnumerable<NamedParameter> parameters, double alpha, double eps, Func<NamedParameter, double> decay)
    {
        this.alpha = alpha;
        this.eps = eps;
        slots = [.. parameters.Select(p => new Slot(p, zeros(p.Value.shape, device: p.Value.device).DetachFromDisposeScope(), decay(p)))];
        State = [.. slots.Select(s => new NamedState("square_avg/" + s.Parameter.Name, s.Square))];
    }

    /// <inheritdoc/>
    public int Steps { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<NamedState> State { get; }

    /// <inheritdoc/>
    public void Resume(int steps) => Steps = steps;

    /// <inheritdoc/>
    public void Step(double learningRate, double gradientScale)
    {
        Steps++;
        using var quiet = no_grad();
        foreach (Slot slot in slots)
        {
            using var scope = NewDisposeScope();
            if (slot.Parameter.Value.grad is not Tensor raw)
            {
                continue;
            }

            Tensor gradient = raw * gradientScale;
            if (slot.Decay > 0)
            {
                gradient.add_(slot.Parameter.Value, slot.Decay);
            }

            slot.Square.mul_(alpha).add_(gradient * gradient, 1 - alpha);
            slot.Parameter.Value.add_(gradient / slot.Square.sqrt().add_(eps), -learningRate);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (NamedState state in State)
        {
            state.Value.Dispose();
        }
    }

    private sealed record Slot(NamedParameter Parameter, Tensor Square, double Decay);
}
