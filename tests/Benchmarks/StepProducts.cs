using static TorchSharp.torch;

namespace Rudder.Benchmarks;

/// <summary>
/// The bound that matrix products set to an SFT step: the four products of every block with their own weights and the vocabulary
/// projection, each forward and for the gradients of input and weight, by libtorch and with no other work.
/// </summary>
/// <remarks>
/// Results go into memory that exists. Attention's own products are left out: 8 % of the operations in shape S, 1 % in M. The vocabulary
/// projection runs in blocks of rows, as in the trainer's loss.
/// </remarks>
internal sealed class StepProducts : IDisposable
{
    private const int RowsPerBlock = 512;                    // as in VocabularyLoss
    private readonly List<(Tensor Result, Tensor Left, Tensor Right)> _products = [];
    private readonly ScalarType _type;
    private readonly Dictionary<(string Name, long Rows, long Columns), Tensor> _matrices = [];

    /// <summary>Makes the matrices.</summary>
    /// <param name="layers">Blocks.</param>
    /// <param name="width">Width of the model.</param>
    /// <param name="vocabulary">Vocabulary size.</param>
    /// <param name="rows">Tokens of a step.</param>
    /// <param name="type">Type of all matrices; null for float32.</param>
    public StepProducts(int layers, int width, int vocabulary, int rows, ScalarType? type = null)
    {
        _type = type ?? float32;
        for (int layer = 0; layer < layers; layer++)
        {
            foreach ((string name, int inputs, int outputs) in new[]
            {
                ("c_attn", width, 3 * width), ("c_proj", width, width), ("c_fc", width, 4 * width), ("mlp", 4 * width, width),
            })
            {
                Add($"{layer}.{name}", rows, inputs, outputs);
            }
        }

        for (int first = 0; first < rows; first += RowsPerBlock)
        {
            Add("vocabulary", Math.Min(RowsPerBlock, rows - first), width, vocabulary);
        }
    }

    /// <summary>Runs the products of one step.</summary>
    public void Step()
    {
        using IDisposable quiet = no_grad();
        foreach ((Tensor result, Tensor left, Tensor right) in _products)
        {
            result.addmm_(left, right, beta: 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor matrix in _products.SelectMany(product => new[] { product.Left, product.Right }).Concat(_matrices.Values))
        {
            matrix.Dispose();
        }
    }

    /// <summary>y = x·W, dx = dy·Wᵀ, dW = xᵀ·dy. Activations of equal shape share memory; every weight has its own.</summary>
    private void Add(string weight, int rows, int inputs, int outputs)
    {
        Tensor x = Matrix("x", rows, inputs), y = Matrix("y", rows, outputs), w = Matrix(weight, inputs, outputs); // [N,D], [N,F], [D,F]
        Tensor dx = Matrix("dx", rows, inputs), dy = Matrix("dy", rows, outputs), dw = Matrix("d " + weight, inputs, outputs); // [N,D], [N,F], [D,F]
        _products.Add((y, x, w));
        _products.Add((dx, dy, w.t()));
        _products.Add((dw, x.t(), dy));
    }

    private Tensor Matrix(string name, long rows, long columns) =>
        _matrices.TryGetValue((name, rows, columns), out Tensor? matrix) ? matrix : _matrices[(name, rows, columns)] = randn(rows, columns).to(_type);
}
