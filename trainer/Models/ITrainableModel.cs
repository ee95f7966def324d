using Rudder.Checkpoints;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>A model that a recipe trains, whatever its family.</summary>
internal interface ITrainableModel : IDisposable
{
    /// <summary>Sizes and special tokens.</summary>
    ModelConfig Config { get; }

    /// <summary>Where the parameters live.</summary>
    Device Device { get; }

    /// <summary>Type of the matrix products.</summary>
    MatrixProducts Products { get; }

    /// <summary>Every parameter with its name in this model, in a fixed order.</summary>
    IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>Every part of the model with its path, as in the names of <see cref="Parameters"/>.</summary>
    IEnumerable<(string name, nn.Module module)> named_modules();

    /// <summary>Prefix of parameter names before the block number: <c>h.</c> for <c>h.0.attn.weight</c>.</summary>
    string BlockPrefix { get; }

    /// <summary>
    /// What checkpoints put before the paths of <see cref="named_modules"/>: <c>transformer.</c> for <c>h.0.attn</c>. Null if the modules are not
    /// those of checkpoints; such a model takes no adapter.
    /// </summary>
    string? ModulePrefix { get; }

    /// <summary>Whether dropout is on.</summary>
    bool training { get; }

    /// <summary>Turns dropout on or off.</summary>
    void train(bool on = true);

    /// <summary>Turns dropout off.</summary>
    void eval();

    /// <summary>Clears the gradients.</summary>
    void zero_grad(bool set_to_none = true);

    /// <summary>Fills the parameters from tensors with checkpoint names.</summary>
    void Fill(IReadOnlyDictionary<string, float[]> weights);

    /// <summary>The tensors with the names and order of checkpoints.</summary>
    IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect();
}

/// <summary>A causal language model.</summary>
internal interface ILanguageModel : ITrainableModel
{
    /// <summary>Final hidden states, float32, before the vocabulary product: [B,T] -> [B,T,D].</summary>
    /// <param name="ids">Token ids, right-padded with any id.</param>
    Tensor Hidden(Tensor ids);

    /// <summary>Logits of hidden states, float32: [...,D] -> [...,V].</summary>
    Tensor Head(Tensor hidden);

    /// <summary>Summed negative log-likelihood of the next tokens, in nats, without building the logits.</summary>
    /// <param name="hidden">Final hidden states of the places that predict, [N,D].</param>
    /// <param name="targets">The tokens they should predict, [N].</param>
    /// <returns>[]</returns>
    Tensor SumOfLosses(Tensor hidden, Tensor targets);
}

/// <summary>A classifier of whole sequences.</summary>
internal interface ISequenceClassifier : ITrainableModel
{
    /// <summary>Label logits, float32.</summary>
    /// <param name="ids">Token ids with their start and end tokens, right-padded with the pad id, [B,T].</param>
    /// <param name="padded">Whether any row is padded; false skips the mask.</param>
    /// <returns>[B,L]</returns>
    Tensor Logits(Tensor ids, bool padded);
}
