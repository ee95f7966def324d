using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>One post-norm RoBERTa layer: bidirectional self-attention over the valid positions, then a GELU feed-forward.</summary>
internal sealed class RobertaLayer : nn.Module
{
    private readonly Conv1D qkv;
    private readonly Conv1D attention;
    private readonly LayerNorm attentionNorm;
    private readonly Conv1D inner;
    private readonly Conv1D output;
    private readonly LayerNorm outputNorm;
    private readonly int heads;
    private readonly double dropout, attentionDropout;

    /// <summary>Creates the layer; query, key and value share one product.</summary>
    public RobertaLayer(RobertaConfig config, Device device, MatrixProducts products)
        : base(nameof(RobertaLayer))
    {
        int width = config.HiddenSize;
        qkv = new Conv1D(width, 3L * width, Conv1D.InitialDeviation, device, products);
        attention = new Conv1D(width, width, Conv1D.InitialDeviation, device, products);
        attentionNorm = nn.LayerNorm(width, config.LayerNormEpsilon, device: device);
        inner = new Conv1D(width, config.IntermediateSize, Conv1D.InitialDeviation, device, products);
        output = new Conv1D(config.IntermediateSize, width, Conv1D.InitialDeviation, device, products);
        outputNorm = nn.LayerNorm(width, config.LayerNormEpsilon, device: device);
        heads = config.Heads;
        (dropout, attentionDropout) = (config.ResidualDropout, config.AttentionDropout);
        RegisterComponents();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">Hidden states, [B,T,D].</param>
    /// <param name="mask">0 where a key may be seen, −∞ at padding, [B,1,1,T]; null when no row is padded.</param>
    public Tensor Run(Tensor x, Tensor? mask)
    {
        (long batch, long time, long width) = (x.shape[0], x.shape[1], x.shape[2]);
        Tensor[] parts = qkv.call(x).chunk(3, -1); // 3 × [B,T,D]
        Tensor mixed = SeededDropout.Attention(
            Split(parts[0]), Split(parts[1]), Split(parts[2]), attentionDropout, training, mask); // [B,H,T,E]
        mixed = mixed.transpose(1, 2).reshape(batch, time, width); // [B,T,D]
        x = attentionNorm.call(x + SeededDropout.Apply(attention.call(mixed), dropout, training)); // [B,T,D]
        Tensor fed = output.call(nn.functional.gelu(inner.call(x))); // [B,T,D]
        return outputNorm.call(x + SeededDropout.Apply(fed, dropout, training)); // [B,T,D]

        Tensor Split(Tensor t) => t.view(batch, time, heads, width / heads).transpose(1, 2); // [B,H,T,E]
    }
}
