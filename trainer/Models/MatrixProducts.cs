using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>
/// The operands of a model's matrix products: fp32, or bf16 with fp32 master weights as in arXiv:1710.03740. The weights, their gradients and the
/// optimizer stay fp32; everything that is not a product reads and writes the type that it gets.
/// </summary>
/// <remarks>
/// In bf16 each weight has a copy that all passes share until the weight changes. The copy is a differentiable cast: every backward pass gives
/// its gradient in bf16, and it is added to the weight's in fp32. Changes are seen by torch's version counter, which all in-place operations
/// raise. Writes through a raw pointer do not raise it.
/// </remarks>
internal sealed class MatrixProducts : IDisposable
{
    // A TorchScript that does not compile ends the process. This text is constant, and tests run it.
    private const string Script = """
        def version(weight: Tensor) -> int:
            return torch._version(weight)

        """;

    private static readonly Lazy<jit.CompilationUnit> Counter = new(() => jit.compile(Script));
    private readonly Dictionary<Parameter, (long Version, Tensor Copy)> _copies = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether products run in bf16.</summary>
    public bool Bf16 { get; set; }

    /// <summary>x·W + b.</summary>
    /// <param name="input">x, [...,in].</param>
    /// <param name="weight">W, [in,out].</param>
    /// <param name="bias">b, [out].</param>
    /// <returns>[...,out], in the products' type.</returns>
    public Tensor Affine(Tensor input, Parameter weight, Parameter bias) =>
        nn.functional.linear(Operand(input), Weight(weight).t(), Weight(bias)); // [...,in] -> [...,out]

    /// <summary>x·Wᵀ + b.</summary>
    /// <param name="input">x, [...,in].</param>
    /// <param name="weight">W, [out,in].</param>
    /// <param name="bias">b, [out]; null for none.</param>
    /// <returns>[...,out], in the products' type.</returns>
    public Tensor Linear(Tensor input, Parameter weight, Parameter? bias) =>
        nn.functional.linear(Operand(input), Weight(weight), bias is null ? null : Weight(bias)); // [...,in] -> [...,out]

    /// <summary>Activations in the products' type.</summary>
    public Tensor Operand(Tensor activations) => Bf16 ? activations.to(bfloat16) : activations;

    /// <summary>A weight in the products' type. The result belongs to this object.</summary>
    public Tensor Weight(Parameter weight)
    {
        if (!Bf16)
        {
            return weight;
        }

        long version = ((Scalar)Counter.Value.invoke("version", weight)).ToInt64();
        if (_copies.TryGetValue(weight, out (long Version, Tensor Copy) known))
        {
            if (known.Version == version)
            {
                return known.Copy;
            }

            known.Copy.Dispose(); // a graph that still needs it holds its own reference
        }

        using IDisposable recording = enable_grad(); // an evaluation may make the copy that the next training pass reads
        Tensor copy = weight.to(bfloat16).DetachFromDisposeScope();
        _copies[weight] = (version, copy);
        return copy;
    }

    public void Dispose()
    {
        foreach ((_, Tensor copy) in _copies.Values)
        {
            copy.Dispose();
        }

        _copies.Clear();
    }
}
