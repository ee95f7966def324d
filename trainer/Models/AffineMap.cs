using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>A linear layer of a model. It may carry a low-rank change of its weight.</summary>
internal abstract class AffineMap : nn.Module<Tensor, Tensor>
{
    /// <summary>Creates the layer without a change.</summary>
    /// <param name="name">The class's name.</param>
    /// <param name="products">Type of the products.</param>
    protected AffineMap(string name, MatrixProducts products)
        : base(name) => Products = products;

    /// <summary>The weight, [out,in], or [in,out] where <see cref="IsTransposed"/>.</summary>
    public abstract Parameter Weight { get; }

    /// <summary>Whether the weight is stored as [in,out].</summary>
    public abstract bool IsTransposed { get; }

    /// <summary>Width of the input.</summary>
    public long Inputs => Weight.shape[IsTransposed ? 0 : 1];

    /// <summary>Width of the output.</summary>
    public long Outputs => Weight.shape[IsTransposed ? 1 : 0];

    /// <summary>The low-rank change; null for none.</summary>
    public LowRankChange? Change { get; private set; }

    /// <summary>Type of the products.</summary>
    protected MatrixProducts Products { get; }

    /// <summary>Adds a low-rank change, which becomes part of this module.</summary>
    /// <param name="rank">At least 1.</param>
    /// <param name="scale">Factor of B·A.</param>
    /// <param name="dropout">Probability of zeroing an input of the change in training.</param>
    public LowRankChange Attach(int rank, double scale, double dropout)
    {
        Change = new LowRankChange(Inputs, Outputs, rank, scale, dropout, Weight.device, Products);
        register_module("lora", Change);
        return Change;
    }

    public sealed override Tensor forward(Tensor input)
    {
        Tensor output = Product(input); // [...,out]
        return Change is { IsOn: true } change ? output + change.call(input) : output;
    }

    /// <summary>The map itself: [...,in] -> [...,out].</summary>
    protected abstract Tensor Product(Tensor input);
}
