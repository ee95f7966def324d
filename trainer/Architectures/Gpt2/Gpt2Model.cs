using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>GPT-2 with its language-model head, tied to the token embedding or not; parameter names are Hugging Face's.</summary>
internal sealed class Gpt2Model : nn.Module<Tensor, Tensor>, ILanguageModel
{
    private readonly Embedding wte;
    private readonly Embedding wpe;
    private readonly ModuleList<Gpt2Block> h;
    private readonly LayerNorm ln_f;
    private readonly LinearMap? lm_head;
    private readonly NamedParameter vocabulary;
    private readonly double dropout;

    /// <summary>Creates a model with new weights drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="dropout">Replaces all dropouts of the configuration; null keeps them.</param>
    /// <param name="device">Where the parameters live.</param>
    public Gpt2Model(Gpt2Config config, double? dropout, Device device)
        : base(nameof(Gpt2Model))
    {
        Config = config;
        Gpt2Config effective = dropout is double all ? config.WithDropout(all) : config;
        this.dropout = effective.EmbeddingDropout;
        wte = nn.Embedding(config.VocabularySize, config.HiddenSize, device: device);
        wpe = nn.Embedding(config.Context, config.HiddenSize, device: device);
        h = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(i => new Gpt2Block(effective, i, device, Products)).ToArray());
        ln_f = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        lm_head = config.HasHead ? new LinearMap(config.HiddenSize, config.VocabularySize, hasBias: false, device, Products) : null;
        RegisterComponents();
        Parameters = NamedParameters.Of(this);
        vocabulary = Parameters.Single(p => p.Name == (config.HasHead ? WeightNames.Head : WeightNames.Embedding));
        using (no_grad())
        {
            nn.init.normal_(wte.weight!, 0, Conv1D.InitialDeviation);
            nn.init.normal_(Parameters.Single(p => p.Name == "wpe.weight").Value, 0, Conv1D.InitialDeviation);
        }

        Device = device;
    }

    public ModelConfig Config { get; }

    public Device Device { get; }

    public MatrixProducts Products { get; } = new();

    public IReadOnlyList<NamedParameter> Parameters { get; }

    public string BlockPrefix => "h.";

    public string ModulePrefix => WeightNames.Prefix;

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

    public Tensor Head(Tensor hidden) => Products.Linear(hidden, vocabulary.Value, null).to(float32); // [...,D] -> [...,V]

    public Tensor SumOfLosses(Tensor hidden, Tensor targets) =>
        VocabularyLoss.Sum(
            hidden,
            vocabulary.Value,
            lm_head is null ? wte.call(targets) : vocabulary.Value.index_select(0, targets),
            Products.Weight(vocabulary.Value));

    public override Tensor forward(Tensor ids) => Head(Hidden(ids)); // [B,T] -> [B,T,V]

    public void Fill(IReadOnlyDictionary<string, float[]> weights)
    {
        foreach (NamedParameter parameter in Parameters)
        {
            NamedParameters.Fill(parameter, weights[parameter.Name]);
        }
    }

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() =>
        [.. Parameters.Select(p => (p.Name == WeightNames.Head ? p.Name : WeightNames.Prefix + p.Name, p.Value.shape, (ReadOnlyMemory<float>)NamedParameters.Values(p.Value)))];

    protected override void Dispose(bool disposing)
    {
        Products.Dispose();
        base.Dispose(disposing);
    }
}
