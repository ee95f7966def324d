using Rudder.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>GPT-2 with its language-model head tied to the token embedding; parameter names are Hugging Face's.</summary>
internal sealed class Gpt2 : nn.Module<Tensor, Tensor>
{
    /// <summary>Standard deviation of new weights, as in GPT-2.</summary>
    public const double InitialDeviation = 0.02;

    private readonly Embedding wte;
    private readonly Embedding wpe;
    private readonly ModuleList<Gpt2Block> h;
    private readonly LayerNorm ln_f;
    private readonly CausalMask mask;
    private readonly NamedParameter vocabulary;
    private readonly double dropout;

    /// <summary>Creates a model with new weights drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="dropout">Replaces all dropouts of the configuration; null keeps them.</param>
    /// <param name="device">Where the parameters live.</param>
    public Gpt2(Gpt2Config config, double? dropout, Device device)
        : base(nameof(Gpt2))
    {
        Config = config;
        Gpt2Config effective = dropout is double all ? config.WithDropout(all) : config;
        this.dropout = effective.EmbeddingDropout;
        mask = new CausalMask(config.Context, device);
        wte = nn.Embedding(config.VocabularySize, config.HiddenSize, device: device);
        wpe = nn.Embedding(config.Context, config.HiddenSize, device: device);
        h = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Gpt2Block(effective, mask, device)).ToArray());
        ln_f = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        RegisterComponents();
        Parameters = NamedParameters.Of(this);
        vocabulary = Parameters.Single(p => p.Name == "wte.weight");
        using (no_grad())
        {
            nn.init.normal_(vocabulary.Value, 0, InitialDeviation);
            nn.init.normal_(Parameters.Single(p => p.Name == "wpe.weight").Value, 0, InitialDeviation);
        }

        Device = device;
    }

    /// <summary>Sizes and ids.</summary>
    public Gpt2Config Config { get; }

    /// <summary>Where the parameters live.</summary>
    public Device Device { get; }

    /// <summary>Every parameter under its Hugging Face name, in a fixed order.</summary>
    public IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>Final hidden states, before the vocabulary product: [B,T] -> [B,T,D].</summary>
    public Tensor Hidden(Tensor ids)
    {
        long time = ids.shape[1];
        if (time > Config.Context)
        {
            throw new ArgumentException($"The batch has {time} positions; the model's context is {Config.Context}. Cut the sequences first.");
        }

        Tensor positions = arange(time, int64, ids.device); // [T]
        Tensor x = wte.call(ids) + wpe.call(positions); // [B,T,D]
        x = nn.functional.dropout(x, dropout, training);
        foreach (Gpt2Block block in h)
        {
            x = block.call(x); // [B,T,D]
        }

        return ln_f.call(x); // [B,T,D]
    }

    /// <summary>Logits of hidden states through the tied head: [...,D] -> [...,V].</summary>
    public Tensor Head(Tensor hidden) => nn.functional.linear(hidden, vocabulary.Value);

    /// <summary>Summed negative log-likelihood of the next tokens, in nats, without building the logits.</summary>
    /// <param name="hidden">Final hidden states of the places that predict, [N,D].</param>
    /// <param name="targets">The tokens they should predict, [N].</param>
    /// <returns>[]</returns>
    public Tensor SumOfLosses(Tensor hidden, Tensor targets) => VocabularyLoss.Sum(hidden, vocabulary.Value, wte.call(targets));

    /// <inheritdoc/>
    public override Tensor forward(Tensor ids) => Head(Hidden(ids)); // [B,T] -> [B,T,V]

    /// <summary>Stops the first <paramref name="blocks"/> blocks from learning.</summary>
    public void FreezeFirst(int blocks)
    {
        if (blocks < 0 || blocks > Config.Layers)
        {
            throw new BadInputException($"freeze_blocks is {blocks}; the model has {Config.Layers} blocks. Give 0 to {Config.Layers}.");
        }

        for (int i = 0; i < blocks; i++)
        {
            NamedParameters.Freeze(Parameters, $"h.{i}.");
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            mask.Dispose();
        }

        base.Dispose(disposing);
    }
}
