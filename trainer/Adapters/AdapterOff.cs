using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Adapters;

/// <summary>
/// A frozen view of a model without its adapter, such as the reference of a policy: one copy of the weights serves both. Its passes run
/// without dropout and leave the model's mode as it was.
/// </summary>
/// <param name="inner">The model that carries the adapter; not disposed with this.</param>
/// <param name="adapter">Its adapter.</param>
internal sealed class AdapterOff(ILanguageModel inner, LoraAdapter adapter) : ILanguageModel
{
    public ModelConfig Config => inner.Config;

    public Device Device => inner.Device;

    public MatrixProducts Products => inner.Products;

    public IReadOnlyList<NamedParameter> Parameters => inner.Parameters;

    public string BlockPrefix => inner.BlockPrefix;

    public string? ModulePrefix => inner.ModulePrefix;

    public bool training => false;

    public IEnumerable<(string name, nn.Module module)> named_modules() => inner.named_modules();

    public void train(bool on = true)
    {
        if (on)
        {
            throw new InvalidOperationException("A base without its adapter is frozen; train the adapted model.");
        }
    }

    public void eval()
    {
    }

    public void zero_grad(bool set_to_none = true)
    {
    }

    public Tensor Hidden(Tensor ids)
    {
        bool trains = inner.training;
        adapter.IsOn = false;
        inner.eval();
        try
        {
            return inner.Hidden(ids);
        }
        finally
        {
            adapter.IsOn = true;
            inner.train(trains);
        }
    }

    public Tensor Head(Tensor hidden) => inner.Head(hidden); // no adapter changes the output matrix

    public Tensor SumOfLosses(Tensor hidden, Tensor targets) => inner.SumOfLosses(hidden, targets);

    public void Fill(IReadOnlyDictionary<string, float[]> weights) =>
        throw new InvalidOperationException("A base without its adapter is frozen.");

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() => inner.Collect();

    public void Dispose()
    {
    }
}
