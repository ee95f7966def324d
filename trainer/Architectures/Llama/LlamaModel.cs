using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Llama;

/// <summary>A decoder built like Llama with its language-model head; parameter names are Hugging Face's.</summary>
internal sealed class LlamaModel : nn.Module<Tensor, Tensor>, ILanguageModel
{
    private readonly LlamaBody model;
    private readonly LinearMap? lm_head;

    /// <summary>Creates a model with new weights drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="dropout">Replaces the dropout of the configuration; null keeps it.</param>
    /// <param name="device">Where the parameters live.</param>
    public LlamaModel(LlamaConfig config, double? dropout, Device device)
        : base(nameof(LlamaModel))
    {
        Config = config;
        Device = device;
        model = new LlamaBody(dropout is double all ? config.WithDropout(all) : config, device, Products);
        lm_head = config.HasHead ? new LinearMap(config.HiddenSize, config.VocabularySize, hasBias: false, device, Products) : null;
        RegisterComponents();
        Parameters = NamedParameters.Of(this);
        using (no_grad())
        {
            foreach (NamedParameter parameter in Parameters)
            {
                if (parameter.Value.dim() == 2)
                {
                    nn.init.normal_(parameter.Value, 0, Conv1D.InitialDeviation);
                }
                else if (parameter.Name.EndsWith(".bias", StringComparison.Ordinal))
                {
                    nn.init.zeros_(parameter.Value);
                }
            }
        }
    }

    public ModelConfig Config { get; }

    public Device Device { get; }

    public MatrixProducts Products { get; } = new();

    public IReadOnlyList<NamedParameter> Parameters { get; }

    public string BlockPrefix => "model.layers.";

    public string ModulePrefix => string.Empty;

    private Parameter Vocabulary => lm_head?.Weight ?? model.Table;

    public Tensor Hidden(Tensor ids) => model.call(ids); // [B,T] -> [B,T,D]

    public Tensor Head(Tensor hidden) => Products.Linear(hidden, Vocabulary, null).to(float32); // [...,D] -> [...,V]

    public Tensor SumOfLosses(Tensor hidden, Tensor targets) =>
        VocabularyLoss.Sum(hidden, Vocabulary, Vocabulary.index_select(0, targets), Products.Weight(Vocabulary));

    public override Tensor forward(Tensor ids) => Head(Hidden(ids)); // [B,T] -> [B,T,V]

    public void Fill(IReadOnlyDictionary<string, float[]> weights)
    {
        foreach (NamedParameter parameter in Parameters)
        {
            NamedParameters.Fill(parameter, weights[parameter.Name]);
        }
    }

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() =>
        [.. Parameters.Select(p => (p.Name, p.Value.shape, (ReadOnlyMemory<float>)NamedParameters.Values(p.Value)))];

    protected override void Dispose(bool disposing)
    {
        Products.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The decoder without a head.</summary>
internal sealed class LlamaBody : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embed_tokens;
    private readonly ModuleList<LlamaLayer> layers;
    private readonly RmsNorm norm;
    private readonly LlamaConfig config;

    /// <summary>Creates the decoder.</summary>
    public LlamaBody(LlamaConfig config, Device device, MatrixProducts products)
        : base(nameof(LlamaBody))
    {
        this.config = config;
        embed_tokens = nn.Embedding(config.VocabularySize, config.HiddenSize, device: device);
        layers = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new LlamaLayer(config, device, products)).ToArray());
        norm = new RmsNorm(config.HiddenSize, config.LayerNormEpsilon, device);
        RegisterComponents();
    }

    /// <summary>The token embedding, [V,D].</summary>
    public Parameter Table => embed_tokens.weight!;

    public override Tensor forward(Tensor ids)
    {
        long time = ids.shape[1];
        if (time > config.Context)
        {
            throw new ArgumentException($"The batch has {time} positions; the model's context is {config.Context}. Cut the sequences first.");
        }

        var rotary = Rotary.Of(config.Rotary, time, config.HeadSize, config.Window, ids.device);
        Tensor x = embed_tokens.call(ids); // [B,T,D]
        foreach (LlamaLayer layer in layers)
        {
            x = layer.call(x, rotary); // [B,T,D]
        }

        return norm.call(x); // [B,T,D]
    }
}
