using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>RoBERTa with a classification head on the first position.</summary>
internal sealed class RobertaClassifier : nn.Module, ISequenceClassifier
{
    private readonly Embedding words;
    private readonly Embedding positions;
    private readonly Embedding types;
    private readonly LayerNorm norm;
    private readonly ModuleList<RobertaLayer> layers;
    private readonly Conv1D dense;
    private readonly Conv1D projection;
    private readonly double dropout, headDropout;

    /// <summary>Creates a model with new weights drawn from torch's generator (seed it first).</summary>
    /// <param name="config">Sizes, ids and labels.</param>
    /// <param name="dropout">Replaces all dropouts of the configuration; null keeps them.</param>
    /// <param name="device">Where the parameters live.</param>
    public RobertaClassifier(RobertaConfig config, double? dropout, Device device)
        : base(nameof(RobertaClassifier))
    {
        Config = config;
        Device = device;
        RobertaConfig effective = dropout is double all ? config.WithDropout(all) : config;
        (this.dropout, headDropout) = (effective.ResidualDropout, effective.ClassifierDropout);
        words = nn.Embedding(config.VocabularySize, config.HiddenSize, device: device);
        positions = nn.Embedding(config.MaxPositions, config.HiddenSize, device: device);
        types = nn.Embedding(config.TypeVocabularySize, config.HiddenSize, device: device);
        norm = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        layers = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new RobertaLayer(effective, device, Products)).ToArray());
        dense = new Conv1D(config.HiddenSize, config.HiddenSize, Conv1D.InitialDeviation, device, Products);
        projection = new Conv1D(config.HiddenSize, config.Labels.Count, Conv1D.InitialDeviation, device, Products);
        RegisterComponents();
        Parameters = NamedParameters.Of(this);
        using (no_grad())
        {
            foreach (string table in new[] { "words.weight", "positions.weight", "types.weight" })
            {
                nn.init.normal_(Parameters.Single(p => p.Name == table).Value, 0, Conv1D.InitialDeviation);
            }
        }
    }

    public ModelConfig Config { get; }

    public Device Device { get; }

    public MatrixProducts Products { get; } = new();

    public IReadOnlyList<NamedParameter> Parameters { get; }

    public string BlockPrefix => "layers.";

    public string? ModulePrefix => null; // query, key and value are one product here

    public Tensor Logits(Tensor ids, bool padded)
    {
        int pad = Config.PadId ?? throw new BadInputException("The classifier's config.json has no pad_token_id; RoBERTa needs one.");
        using Tensor valid = ids.ne(pad).to(int64); // [B,T]
        Tensor places = valid.cumsum(1) * valid + pad; // [B,T]
        Tensor? mask = padded ? zeros(ids.shape, device: ids.device).masked_fill(valid.eq(0), double.NegativeInfinity) : null; // [B,T]
        mask = mask?.unsqueeze(1).unsqueeze(1); // [B,1,1,T]
        Tensor x = words.call(ids) + positions.call(places) + types.call(zeros_like(ids)); // [B,T,D]
        x = nn.functional.dropout(norm.call(x), dropout, training);
        foreach (RobertaLayer layer in layers)
        {
            x = layer.Run(x, mask); // [B,T,D]
        }

        Tensor first = x.split([1, x.shape[1] - 1], 1)[0].squeeze(1); // [B,D]
        Tensor hidden = tanh(dense.call(nn.functional.dropout(first, headDropout, training))); // [B,D]
        return projection.call(nn.functional.dropout(hidden, headDropout, training)).to(float32); // [B,L]
    }

    public void Fill(IReadOnlyDictionary<string, float[]> weights) => RobertaWeights.Fill(this, weights);

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() => RobertaWeights.Collect(this);

    protected override void Dispose(bool disposing)
    {
        Products.Dispose();
        base.Dispose(disposing);
    }
}
