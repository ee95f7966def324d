using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Affine map with a weight of [in,out], the layout of Hugging Face's GPT-2: checkpoints need no transpose.</summary>
internal sealed class Conv1D : AffineMap
{
    /// <summary>Standard deviation of new weights, as in GPT-2 and RoBERTa.</summary>
    public const double InitialDeviation = 0.02;

    private readonly Parameter weight;
    private readonly Parameter bias;

    /// <summary>Creates the map with normal(0, <paramref name="deviation"/>) weights and a zero bias.</summary>
    public Conv1D(long inputs, long outputs, double deviation, Device device, MatrixProducts products)
        : base(nameof(Conv1D), products)
    {
        weight = nn.Parameter(nn.init.normal_(empty(inputs, outputs, device: device), 0, deviation));
        bias = nn.Parameter(zeros(outputs, device: device));
        RegisterComponents();
    }

    public override Parameter Weight => weight;

    public override bool IsTransposed => true;

    protected override Tensor Product(Tensor input) => Products.Affine(input, weight, bias); // [...,in] -> [...,out]
}
