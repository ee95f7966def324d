using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Affine map with a weight of [out,in], the layout of torch and most checkpoints, in the type of the model's products.</summary>
internal sealed class LinearMap : AffineMap
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    /// <summary>Creates the map with normal weights of deviation <see cref="Conv1D.InitialDeviation"/> and a zero bias.</summary>
    public LinearMap(long inputs, long outputs, bool hasBias, Device device, MatrixProducts products)
        : base(nameof(LinearMap), products)
    {
        weight = nn.Parameter(nn.init.normal_(empty(outputs, inputs, device: device), 0, Conv1D.InitialDeviation));
        bias = hasBias ? nn.Parameter(zeros(outputs, device: device)) : null;
        RegisterComponents();
    }

    public override Parameter Weight => weight;

    public override bool IsTransposed => false;

    protected override Tensor Product(Tensor input) => Products.Linear(input, weight, bias); // [...,in] -> [...,out]
}
