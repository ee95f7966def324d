using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Adapters;

/// <summary>
/// A model whose adapter is trained in place of its weights: <see cref="Parameters"/> are the adapter's, and <see cref="Collect"/> gives the
/// merged weights.
/// </summary>
/// <param name="inner">The model that carries the adapter; disposed with this.</param>
/// <param name="adapter">Its adapter.</param>
/// <param name="folder">Folder of the base.</param>
internal abstract class AdaptedModel(ITrainableModel inner, LoraAdapter adapter, string folder) : ITrainableModel
{
    /// <summary>The adapter.</summary>
    public LoraAdapter Adapter => adapter;

    /// <summary>Folder of the base.</summary>
    public string Folder => folder;

    public ModelConfig Config => inner.Config;

    public Device Device => inner.Device;

    public MatrixProducts Products => inner.Products;

    public IReadOnlyList<NamedParameter> Parameters => adapter.Parameters;

    public string BlockPrefix => inner.BlockPrefix;

    public string? ModulePrefix => inner.ModulePrefix;

    public bool training => inner.training;

    public IEnumerable<(string name, nn.Module module)> named_modules() => inner.named_modules();

    public void train(bool on = true) => inner.train(on);

    public void eval() => inner.eval();

    public void zero_grad(bool set_to_none = true) => inner.zero_grad(set_to_none);

    public void Fill(IReadOnlyDictionary<string, float[]> weights) => inner.Fill(weights);

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() => adapter.Merged(inner);

    public void Dispose() => inner.Dispose();
}

/// <summary>A language model with an adapter.</summary>
internal sealed class AdaptedLanguageModel(ILanguageModel inner, LoraAdapter adapter, string folder)
    : AdaptedModel(inner, adapter, folder), ILanguageModel
{
    private readonly ILanguageModel _inner = inner;

    /// <summary>The base of a policy, if that is what a folder holds: the same weights with the adapter off.</summary>
    /// <param name="policy">Any language model.</param>
    /// <param name="reference">Folder of a reference.</param>
    /// <returns>A view that shares the policy's memory; null for another reference or a policy without adapter.</returns>
    public static ILanguageModel? Base(ILanguageModel policy, string reference) =>
        policy is AdaptedLanguageModel adapted && Full(adapted.Folder) == Full(reference)
            ? new AdapterOff(adapted._inner, adapted.Adapter)
            : null;

    public Tensor Hidden(Tensor ids) => _inner.Hidden(ids);

    public Tensor Head(Tensor hidden) => _inner.Head(hidden);

    public Tensor SumOfLosses(Tensor hidden, Tensor targets) => _inner.SumOfLosses(hidden, targets);

    private static string Full(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
}

/// <summary>A classifier or reward model with an adapter. Its head is trained, too.</summary>
internal sealed class AdaptedClassifier(ISequenceClassifier inner, LoraAdapter adapter, string folder)
    : AdaptedModel(inner, adapter, folder), ISequenceClassifier
{
    private readonly ISequenceClassifier _inner = inner;

    public Tensor Logits(Tensor ids, bool padded) => _inner.Logits(ids, padded);
}
