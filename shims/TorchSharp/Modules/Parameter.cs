using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A tensor that a module registers as its own and an optimizer changes. It belongs to no dispose scope.</summary>
public sealed class Parameter : Tensor
{
    /// <summary>Takes the tensor's handle over: <paramref name="data"/> is as good as disposed afterwards.</summary>
    public Parameter(Tensor data, bool requires_grad = true)
        : base(data.Decouple(), scoped: false)
    {
        this.requires_grad = requires_grad;
    }
}
