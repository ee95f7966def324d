using Rudder.Checkpoints;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>
/// A classifier made of any language model: a linear head without bias on the state of the last token that is not the padding id. With one
/// label it is a reward model. Hugging Face's <c>ForSequenceClassification</c> models read the same place.
/// </summary>
internal sealed class SequenceHead : nn.Module, ISequenceClassifier
{
    /// <summary>The head's name in checkpoints.</summary>
    public const string WeightName = "score.weight";

    private readonly ILanguageModel body;
    private readonly Parameter score;
    private readonly int padding;

    /// <summary>Puts a new head on a language model, drawn from torch's generator (seed it first).</summary>
    /// <param name="body">The language model; disposed with this.</param>
    /// <param name="config">Its configuration with labels and a padding id.</param>
    public SequenceHead(ILanguageModel body, ModelConfig config)
        : base(nameof(SequenceHead))
    {
        this.body = body;
        Config = config;
        padding = config.PadId ?? throw new ArgumentException("The configuration has no padding id, which ends a sequence.", nameof(config));
        score = nn.Parameter(nn.init.normal_(empty(config.Labels.Count, config.HiddenSize, device: body.Device), 0, Conv1D.InitialDeviation));
        RegisterComponents();
        Parameters = [.. body.Parameters, new NamedParameter(WeightName, score)];
    }

    /// <summary>
    /// Puts a new head on a language model. The end-of-text token pads where the model has no padding token, as Hugging Face's users do.
    /// </summary>
    /// <param name="body">The language model; disposed with the result.</param>
    /// <param name="labels">The labels in order.</param>
    /// <param name="folder">Where the model lies, for messages.</param>
    /// <exception cref="BadInputException">The model has neither token.</exception>
    public static SequenceHead On(ILanguageModel body, IReadOnlyList<string> labels, string folder)
    {
        int padding = body.Config.PadId ?? body.Config.EosId
            ?? throw new BadInputException($"{folder}/config.json has neither pad_token_id nor eos_token_id; one of them must pad short sequences.");
        return new SequenceHead(body, body.Config with { Labels = labels, PadId = padding });
    }

    public ModelConfig Config { get; }

    public Device Device => body.Device;

    public MatrixProducts Products => body.Products;

    public IReadOnlyList<NamedParameter> Parameters { get; }

    public string BlockPrefix => body.BlockPrefix;

    public string? ModulePrefix => body.ModulePrefix;

    // The body's parts keep their names: those of the parameters. The head is a single parameter.
    IEnumerable<(string name, nn.Module module)> ITrainableModel.named_modules() => body.named_modules();

    public Tensor Logits(Tensor ids, bool padded)
    {
        (long rows, long length) = (ids.shape[0], ids.shape[1]);
        Tensor valid = ids.ne(padding).to(int64); // [B,T]
        Tensor last = (valid * arange(length, int64, ids.device)).max(1).Item1; // [B]
        Tensor states = body.Hidden(ids).reshape(rows * length, -1); // [B·T,D]
        Tensor read = states.index_select(0, (arange(rows, int64, ids.device) * length) + last); // [B,D]
        return nn.functional.linear(read, score); // [B,L]
    }

    public void Fill(IReadOnlyDictionary<string, float[]> weights)
    {
        body.Fill(weights);
        NamedParameters.Fill(Parameters[^1], weights[WeightName]);
    }

    public IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> Collect() =>
        [.. body.Collect(), (WeightName, score.shape, NamedParameters.Values(score))];
}
