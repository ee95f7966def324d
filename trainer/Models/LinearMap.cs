using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Affine map with a weight of [out,in], the layout of torch and most checkpoints, in the type of the model's products.</summary>
internal sealed class LinearMap : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter? bias;
    private readonly MatrixProducts products;

    /// <summary>Creates the map with normal weights of deviation <see cref="Conv1D.InitialDeviation"/> and a zero bias.</summary>
    public LinearMap(long inputs, long outputs, bool hasBias, Device device, MatrixProducts products)
        : base(nameof(LinearMap))
    {
        this.products = products;
        weight = nn.Parameter(nn.init.normal_(empty(outputs, inputs, device: device), 0, Conv1D.InitialDeviation));
        bias = hasBias ? nn.Parameter(zeros(outputs, device: device)) : null;
        RegisterComponents();
    }

    /// <summary>The weight, [out,in].</summary>
    public Parameter Weight => weight;

    public override Tensor forward(Tensor input) => products.Linear(input, weight, bias); // [...,in] -> [...,out]
}
