using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>RMS normalization over the last axis (arXiv:1910.07467): x / √(mean x² + ε) · weight.</summary>
internal sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double epsilon;

    /// <summary>Creates the normalization with weights of 1.</summary>
    /// <param name="size">Length of the last axis.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="device">Where the weights live.</param>
    public RmsNorm(long size, double epsilon, Device device)
        : base(nameof(RmsNorm))
    {
        weight = nn.Parameter(ones(size, device: device));
        this.epsilon = epsilon;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor wide = x.to(float32); // bf16 squares would lose too much
        return (wide * (wide.square().mean([-1], keepdim: true) + epsilon).rsqrt() * weight).to(x.dtype); // [...,size]
    }
}
