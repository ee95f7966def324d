using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.GptNeoX;

/// <summary>A GPT-NeoX with its language-model head; parameter names are Hugging Face's.</summary>
internal sealed class GptNeoXModel : nn.Module<Tensor, Tensor>, ILanguageModel
{
    private readonly GptNeoXBody gpt_neox;
    private readonly LinearMap? embed_out;

    /// <summary>Creates a model with new weights drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Sizes. A classifier has no output matrix.</param>
    /// <param name="dropout">Replaces all dropouts of the configuration; null keeps them.</param>
    /// <param name="device">Where the parameters live.</param>
    public GptNeoXModel(GptNeoXConfig config, double? dropout, Device device)
        : base(nameof(GptNeoXModel))
    {
        Config = config;
        Device = device;
        gpt_neox = new GptNeoXBody(dropout is double all ? config.WithDropout(all) : config, device, Products);
        embed_out = config.IsClassifier ? null : new LinearMap(config.HiddenSize, config.VocabularySize, hasBias: false, device, Products);
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

    public string BlockPrefix => "gpt_neox.layers.";

    public string ModulePrefix => string.Empty;

    private Parameter Vocabulary => embed_out?.Weight ?? throw new InvalidOperationException("A classifier has no output matrix over the vocabulary.");

    public Tensor Hidden(Tensor ids) => gpt_neox.call(ids); // [B,T] -> [B,T,D]

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
internal sealed class GptNeoXBody : nn.Module<Tensor, Tensor>
{
    private readonly Embedding embed_in;
    private readonly ModuleList<GptNeoXLayer> layers;
    private readonly LayerNorm final_layer_norm;
    private readonly GptNeoXConfig config;

    /// <summary>Creates the decoder.</summary>
    public GptNeoXBody(GptNeoXConfig config, Device device, MatrixProducts products)
        : base(nameof(GptNeoXBody))
    {
        this.config = config;
        embed_in = nn.Embedding(config.VocabularySize, config.HiddenSize, device: device);
        layers = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new GptNeoXLayer(config, device, products)).ToArray());
        final_layer_norm = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor ids)
    {
        long time = ids.shape[1];
        if (time > config.Context)
        {
            throw new ArgumentException($"The batch has {time} positions; the model's context is {config.Context}. Cut the sequences first.");
        }

        var rotary = Rotary.Of(config.Rotary, time, config.RotarySize, window: null, ids.device);
        Tensor x = nn.functional.dropout(embed_in.call(ids), config.ResidualDropout, training); // [B,T,D]
        foreach (GptNeoXLayer layer in layers)
        {
            x = layer.call(x, rotary); // [B,T,D]
        }

        return final_layer_norm.call(x); // [B,T,D]
    }
}
