using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>LoRA's change of a weight, W + scale·B·A, arXiv:2106.09685 eq. 3. The product with W stays apart.</summary>
internal sealed class LowRankChange : nn.Module<Tensor, Tensor>
{
    private readonly Parameter lora_A; // [r,in]
    private readonly Parameter lora_B; // [out,r]
    private readonly MatrixProducts products;
    private readonly double scale, dropout;

    /// <summary>Creates a change of zero: A and B are zero until they are filled.</summary>
    public LowRankChange(long inputs, long outputs, int rank, double scale, double dropout, Device device, MatrixProducts products)
        : base(nameof(LowRankChange))
    {
        (this.products, this.scale, this.dropout) = (products, scale, dropout);
        lora_A = nn.Parameter(zeros(rank, inputs, device: device));
        lora_B = nn.Parameter(zeros(outputs, rank, device: device));
        RegisterComponents();
    }

    /// <summary>A, [r,in].</summary>
    public Parameter A => lora_A;

    /// <summary>B, [out,r].</summary>
    public Parameter B => lora_B;

    /// <summary>Whether the layer applies the change.</summary>
    public bool IsOn { get; set; } = true;

    public override Tensor forward(Tensor input)
    {
        Tensor kept = dropout > 0 ? nn.functional.dropout(input, dropout, training) : input; // [...,in]
        return products.Linear(products.Linear(kept, lora_A, null), lora_B, null) * scale; // [...,r] -> [...,out]
    }

    /// <summary>scale·B·A in float32, without gradient. [out,in]</summary>
    public Tensor Matrix() => lora_B.detach().matmul(lora_A.detach()).mul_(scale); // [out,in]
}
