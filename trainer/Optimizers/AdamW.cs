using System.Numerics;
using System.Runtime.InteropServices;
using Rudder.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>AdamW, arXiv:1711.05101 algorithm 2, in PyTorch's arrangement: one pass over memory on the CPU.</summary>
internal sealed class AdamW : IOptimizer
{
    private readonly IReadOnlyList<Slot> slots;
    private readonly double beta1;
    private readonly double beta2;
    private readonly double eps;

    /// <summary>Creates the optimizer with zero averages.</summary>
    /// <param name="parameters">What learns.</param>
    /// <param name="beta1">Decay of the gradient's average.</param>
    /// <param name="beta2">Decay of the squared gradient's average.</param>
    /// <param name="eps">Added to the root.</param>
    /// <param name="decay">Weight decay of a parameter.</param>
    public AdamW(IEnumerable<NamedParameter> parameters, double beta1, double beta2, double eps, Func<NamedParameter, double> decay)
    {
        this.beta1 = beta1;
        this.beta2 = beta2;
        this.eps = eps;
        slots = [.. parameters.Select(p => new Slot(p, Zeros(p), Zeros(p), decay(p)))];
        State = [.. slots.SelectMany(s => new[]
        {
            new NamedState("exp_avg/" + s.Parameter.Name, s.Average), new NamedState("exp_avg_sq/" + s.Parameter.Name, s.Square),
        })];
    }

    /// <summary>Whether the tensor operations that other devices need are used on the CPU too; they touch memory four times as often. Default false.</summary>
    public bool TensorOperations { get; init; }

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
        double correction1 = 1 - Math.Pow(beta1, Steps);
        double correction2 = Math.Sqrt(1 - Math.Pow(beta2, Steps));
        using var quiet = no_grad();
        foreach (Slot slot in slots)
        {
            using var scope = NewDisposeScope();
            if (slot.Parameter.Value.grad is not Tensor gradient)
            {
                continue;
            }

            double keep = 1 - (learningRate * slot.Decay);
            double rate = learningRate / correction1;
            if (gradient.device.type == DeviceType.CPU && !TensorOperations)
            {
                OnHost(slot, gradient.contiguous(), keep, rate, correction2, gradientScale);
            }
            else
            {
                OnDevice(slot, gradient * gradientScale, keep, rate, correction2);
            }
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

    private static Tensor Zeros(NamedParameter p) => zeros(p.Value.shape, device: p.Value.device).DetachFromDisposeScope();

    private static Span<float> Floats(Tensor t) => MemoryMarshal.Cast<byte, float>(t.bytes);

    private void OnHost(Slot slot, Tensor gradient, double keep, double rate, double correction2, double scale)
    {
        Span<float> p = Floats(slot.Parameter.Value), g = Floats(gradient), m = Floats(slot.Average), v = Floats(slot.Square);
        (float b1, float b2, float k) = ((float)beta1, (float)beta2, (float)keep);
        (float r, float s, float root, float e) = ((float)rate, (float)scale, (float)(1 / correction2), (float)eps);
        int width = Vector<float>.Count;
        int whole = p.Length - (p.Length % width);
        Vector<float> epsilon = new(e);
        for (int i = 0; i < whole; i += width)
        {
            Vector<float> gradients = new Vector<float>(g[i..]) * s;
            Vector<float> average = (new Vector<float>(m[i..]) * b1) + (gradients * (1 - b1));
            Vector<float> square = (new Vector<float>(v[i..]) * b2) + (gradients * gradients * (1 - b2));
            average.CopyTo(m[i..]);
            square.CopyTo(v[i..]);
            Vector<float> step = average / ((Vector.SquareRoot(square) * root) + epsilon);
            ((new Vector<float>(p[i..]) * k) - (step * r)).CopyTo(p[i..]);
        }

        for (int i = whole; i < p.Length; i++)
        {
            float gradientValue = g[i] * s;
            m[i] = (m[i] * b1) + (gradientValue * (1 - b1));
            v[i] = (v[i] * b2) + (gradientValue * gradientValue * (1 - b2));
            p[i] = (p[i] * k) - (m[i] / ((MathF.Sqrt(v[i]) * root) + e) * r);
        }
    }

    private void OnDevice(Slot slot, Tensor gradient, double keep, double rate, double correction2)
    {
        slot.Average.mul_(beta1).add_(gradient, 1 - beta1);
        slot.Square.mul_(beta2).add_(gradient * gradient, 1 - beta2);
        Tensor step = slot.Average / (slot.Square.sqrt().div_(correction2).add_(eps));
        slot.Parameter.Value.mul_(keep).add_(step, -rate);
    }

    private sealed record Slot(NamedParameter Parameter, Tensor Average, Tensor Square, double Decay);
}
