using Rudder.Trainer.Losses;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>Averages PPO's figures over the tokens of all updates of a step.</summary>
internal sealed class PpoMetrics
{
    private double _tokens;
    private double _policyLoss;
    private double _valueLoss;
    private double _approximateKl;
    private double _policyClipped;
    private double _valueClipped;
    private double _ratio;

    /// <summary>Mean loss of an update: policy, plus <paramref name="valueWeight"/> times value.</summary>
    public double Loss(double valueWeight) => (_policyLoss + (valueWeight * _valueLoss)) / _tokens;

    /// <summary>Adds the tokens of a forward pass.</summary>
    /// <param name="logProbs">log π_θ now. [N]</param>
    /// <param name="values">V now. [N]</param>
    /// <param name="targets">What they were and should become.</param>
    /// <param name="policyLoss">Loss of each token. [N]</param>
    /// <param name="valueLoss">The same of the value model. [N]</param>
    /// <param name="clip">Clip of the ratio.</param>
    /// <param name="valueClip">Clip of the value.</param>
    public void Add(Tensor logProbs, Tensor values, PpoTensors targets, Tensor policyLoss, Tensor valueLoss, double clip, double valueClip)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        _tokens += logProbs.numel();
        _policyLoss += policyLoss.sum().item<float>();
        _valueLoss += valueLoss.sum().item<float>();
        _approximateKl += PolicyGradient.ApproximateKl(logProbs, targets.OldLogProbs).sum().item<float>();
        _policyClipped += PolicyGradient.IsClipped(logProbs, targets.OldLogProbs, targets.Advantages, clip, clip).sum().item<long>();
        _valueClipped += ValueLoss.IsClipped(values, targets.OldValues, targets.Returns, valueClip).sum().item<long>();
        _ratio += (logProbs - targets.OldLogProbs).exp().sum().item<float>();
    }

    /// <summary>Adds the tokens of the other processes.</summary>
    public void Join(Ranks ranks)
    {
        double[] all = ranks.Sum(_tokens, _policyLoss, _valueLoss, _approximateKl, _policyClipped, _valueClipped, _ratio);
        (_tokens, _policyLoss, _valueLoss, _approximateKl) = (all[0], all[1], all[2], all[3]);
        (_policyClipped, _valueClipped, _ratio) = (all[4], all[5], all[6]);
    }

    /// <summary>The values to log, under TRL's names.</summary>
    public IEnumerable<KeyValuePair<string, double>> Metrics() =>
    [
        new("policy/approxkl_avg", _approximateKl / _tokens),
        new("policy/clipfrac_avg", _policyClipped / _tokens),
        new("loss/policy_avg", _policyLoss / _tokens),
        new("loss/value_avg", _valueLoss / _tokens),
        new("val/ratio", _ratio / _tokens),
        new("val/clipfrac_avg", _valueClipped / _tokens),
    ];
}
