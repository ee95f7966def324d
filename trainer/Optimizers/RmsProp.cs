using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>TorchSharp's RMSprop, not centred and without momentum. Its state is keyed by parameter name.</summary>
internal sealed class RmsProp : IOptimizer
{
    private readonly IReadOnlyList<NamedParameter> _parameters;
    private readonly RMSProp _inner;

    /// <summary>Creates the optimizer with zero averages.</summary>
    /// <param name="parameters">The parameters to train.</param>
    /// <param name="alpha">Smoothing of the squared gradient, 0 to below 1.</param>
    /// <param name="eps">Added to the root.</param>
    /// <param name="decay">Weight decay of a parameter; it is added to the gradient.</param>
    public RmsProp(IEnumerable<NamedParameter> parameters, double alpha, double eps, Func<NamedParameter, double> decay)
    {
        IGrouping<double, NamedParameter>[] groups = [.. parameters.GroupBy(decay)];
        _parameters = [.. groups.SelectMany(g => g)];
        _inner = optim.RMSProp(groups.Select(g => new RMSProp.ParamGroup(
            g.Select(p => p.Value),
            new RMSProp.Options { alpha = alpha, eps = eps, weight_decay = g.Key })));
        State = [.. _parameters.Zip(_inner.state_dict().State, (p, s) => new NamedState("square_avg/" + p.Name, ((RMSProp.State)s).square_avg))];
    }

    public int Steps { get; private set; }

    public IReadOnlyList<NamedState> State { get; }

    public void Resume(int steps) => Steps = steps;

    public void Step(double learningRate, double gradientScale)
    {
        Steps++;
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        foreach (NamedParameter parameter in _parameters.Where(_ => gradientScale != 1))
        {
            parameter.Value.grad?.mul_(gradientScale);
        }

        foreach (optim.ILearningRateController group in _inner.ParamGroups)
        {
            group.LearningRate = learningRate;
        }

        _inner.step();
    }

    public void Dispose() => _inner.Dispose();
}
