using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>AdamW, arXiv:1711.05101 algorithm 2. Uses libtorch's fused kernel: one pass over memory, on CPU and GPU.</summary>
internal sealed class AdamW : IOptimizer
{
    // A TorchScript that does not compile ends the process. This text is constant, and tests run it. The kernel leaves the parameters' version
    // counters as they are; writing to no element raises them, which MatrixProducts relies on.
    private const string Script = """
        def step(parameters: List[Tensor], gradients: List[Tensor], averages: List[Tensor], squares: List[Tensor], count: Tensor,
                 divisor: Tensor, rate: float, beta1: float, beta2: float, decay: float, eps: float):
            unused: List[Tensor] = []
            torch._fused_adamw_(parameters, gradients, averages, squares, unused, [count for _ in parameters], lr=rate, beta1=beta1,
                                beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False, grad_scale=divisor, found_inf=None)
            for parameter in parameters:
                parameter.narrow(0, 0, 0).zero_()
            return count

        """;

    private static readonly Lazy<jit.CompilationUnit> Fused = new(() => jit.compile(Script));

    private readonly IReadOnlyList<Moments> _slots;
    private readonly double _beta1;
    private readonly double _beta2;
    private readonly double _eps;

    /// <summary>Creates the optimizer with zero averages.</summary>
    /// <param name="parameters">The parameters to train.</param>
    /// <param name="beta1">Decay of the gradient's average, 0 to below 1.</param>
    /// <param name="beta2">Decay of the squared gradient's average, 0 to below 1.</param>
    /// <param name="eps">Added to the root.</param>
    /// <param name="decay">Weight decay of a parameter.</param>
    public AdamW(IEnumerable<NamedParameter> parameters, double beta1, double beta2, double eps, Func<NamedParameter, double> decay)
    {
        _beta1 = beta1;
        _beta2 = beta2;
        _eps = eps;
        _slots = [.. parameters.Select(p => new Moments(p.Value, Zeros(p), Zeros(p), p.Name, decay(p)))];
        State = [.. _slots.SelectMany(s => new[] { new NamedState("exp_avg/" + s.Name, s.Average), new NamedState("exp_avg_sq/" + s.Name, s.Square) })];
    }

    public int Steps { get; private set; }

    public IReadOnlyList<NamedState> State { get; }

    public void Resume(int steps) => Steps = steps;

    public void Step(double learningRate, double gradientScale)
    {
        Steps++;
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        foreach (IGrouping<double, Moments> group in _slots.Where(s => s.Parameter.grad is not null).GroupBy(s => s.Decay))
        {
            Moments[] members = [.. group];
            Device device = members[0].Parameter.device;
            Fused.Value.invoke(
                "step",
                members.Select(s => s.Parameter).ToArray(),
                members.Select(s => s.Parameter.grad!).ToArray(),
                members.Select(s => s.Average).ToArray(),
                members.Select(s => s.Square).ToArray(),
                tensor((float)Steps, device: device),
                tensor((float)(1 / gradientScale), device: device), // the kernel divides gradients by it
                learningRate,
                _beta1,
                _beta2,
                group.Key,
                _eps);
        }
    }

    public void Dispose()
    {
        foreach (NamedState state in State)
        {
            state.Value.Dispose();
        }
    }

    private static Tensor Zeros(NamedParameter p) => zeros(p.Value.shape, device: p.Value.device).DetachFromDisposeScope();

    private sealed record Moments(Tensor Parameter, Tensor Average, Tensor Square, string Name, double Decay);
}
