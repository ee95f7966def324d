using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>One post-norm RoBERTa layer: bidirectional self-attention over the valid positions, then a GELU feed-forward.</summary>
internal sealed class RobertaLayer : nn.Module
{
    private readonly Conv1D _qkv;
    private readonly Conv1D _attention;
    private readonly LayerNorm _attentionNorm;
    private readonly Conv1D _inner;
    private readonly Conv1D _output;
    private readonly LayerNorm _outputNorm;
    private readonly int _heads;
    private readonly double _dropout, _attentionDropout;

    /// <summary>Creates the layer; query, key and value share one product.</summary>
    public RobertaLayer(RobertaConfig config, Device device)
        : base(nameof(RobertaLayer))
    {
        int width = config.HiddenSize;
        _qkv = new Conv1D(width, 3L * width, Conv1D.InitialDeviation, device);
        _attention = new Conv1D(width, width, Conv1D.InitialDeviation, device);
        _attentionNorm = nn.LayerNorm(width, config.LayerNormEpsilon, device: device);
        _inner = new Conv1D(width, config.IntermediateSize, Conv1D.InitialDeviation, device);
        _output = new Conv1D(config.IntermediateSize, width, Conv1D.InitialDeviation, device);
        _outputNorm = nn.LayerNorm(width, config.LayerNormEpsilon, device: device);
        _heads = config.Heads;
        (_dropout, _attentionDropout) = (config.ResidualDropout, config.AttentionDropout);
        RegisterComponents();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">Hidden states, [B,T,D].</param>
    /// <param name="mask">0 where a key may be seen, −∞ at padding, [B,1,1,T]; null when no row is padded.</param>
    public Tensor Run(Tensor x, Tensor? mask)
    {
        (long batch, long time, long width) = (x.shape[0], x.shape[1], x.shape[2]);
        Tensor[] parts = _qkv.call(x).chunk(3, -1); // 3 × [B,T,D]
        Tensor mixed = nn.functional.scaled_dot_product_attention(
            Split(parts[0]), Split(parts[1]), Split(parts[2]), mask, training ? _attentionDropout : 0); // [B,H,T,E]
        mixed = mixed.transpose(1, 2).reshape(batch, time, width); // [B,T,D]
        x = _attentionNorm.call(x + nn.functional.dropout(_attention.call(mixed), _dropout, training)); // [B,T,D]
        Tensor fed = _output.call(nn.functional.gelu(_inner.call(x))); // [B,T,D]
        return _outputNorm.call(x + nn.functional.dropout(fed, _dropout, training)); // [B,T,D]

        Tensor Split(Tensor t) => t.view(batch, time, _heads, width / _heads).transpose(1, 2); // [B,H,T,E]
    }
}
