using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>One pre-norm GPT-2 block: causal self-attention and a feed-forward, each added to its input.</summary>
internal sealed class Gpt2Block : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm ln_1;
    private readonly Gpt2Attention attn;
    private readonly LayerNorm ln_2;
    private readonly Gpt2FeedForward mlp;

    /// <summary>Creates the block with GPT-2's initialisation.</summary>
    public Gpt2Block(Gpt2Config config, int layer, Device device, MatrixProducts products)
        : base(nameof(Gpt2Block))
    {
        ln_1 = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        attn = new Gpt2Attention(config, layer, device, products);
        ln_2 = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        mlp = new Gpt2FeedForward(config, device, products);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor attended = x + attn.call(ln_1.call(x)); // [B,T,D]
        return attended + mlp.call(ln_2.call(attended)); // [B,T,D]
    }
}

/// <summary>Multi-head causal attention with one fused query-key-value product.</summary>
internal sealed class Gpt2Attention : nn.Module<Tensor, Tensor>
{
    private readonly Conv1D c_attn;
    private readonly Conv1D c_proj;
    private readonly int heads;
    private readonly double dropout, attentionDropout, queryFactor;

    /// <summary>Creates the attention; the output product is scaled down by √(2·layers) as in GPT-2.</summary>
    public Gpt2Attention(Gpt2Config config, int layer, Device device, MatrixProducts products)
        : base(nameof(Gpt2Attention))
    {
        c_attn = new Conv1D(config.HiddenSize, 3L * config.HiddenSize, Conv1D.InitialDeviation, device, products);
        c_proj = new Conv1D(config.HiddenSize, config.HiddenSize, Conv1D.InitialDeviation / Math.Sqrt(2 * config.Layers), device, products);
        heads = config.Heads;
        (dropout, attentionDropout, queryFactor) = (config.ResidualDropout, config.AttentionDropout, config.QueryFactor(layer));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        (long batch, long time, long width) = (x.shape[0], x.shape[1], x.shape[2]);
        Tensor[] parts = c_attn.call(x).chunk(3, -1); // 3 × [B,T,D]
        Tensor queries = queryFactor == 1 ? parts[0] : parts[0] * queryFactor; // [B,T,D]
        Tensor mixed = nn.functional.scaled_dot_product_attention(
            Split(queries), Split(parts[1]), Split(parts[2]), p: training ? attentionDropout : 0, is_casual: true); // [B,H,T,E]
        Tensor output = c_proj.call(mixed.transpose(1, 2).reshape(batch, time, width)); // [B,T,D]
        return nn.functional.dropout(output, dropout, training);

        Tensor Split(Tensor t) => t.view(batch, time, heads, width / heads).transpose(1, 2); // [B,H,T,E]
    }
}

/// <summary>The feed-forward half of a block.</summary>
internal sealed class Gpt2FeedForward : nn.Module<Tensor, Tensor>
{
    private readonly Conv1D c_fc;
    private readonly Conv1D c_proj;
    private readonly double dropout;
    private readonly string activation;

    /// <summary>Creates the two products around the activation.</summary>
    public Gpt2FeedForward(Gpt2Config config, Device device, MatrixProducts products)
        : base(nameof(Gpt2FeedForward))
    {
        c_fc = new Conv1D(config.HiddenSize, config.InnerSize, Conv1D.InitialDeviation, device, products);
        c_proj = new Conv1D(config.InnerSize, config.HiddenSize, Conv1D.InitialDeviation / Math.Sqrt(2 * config.Layers), device, products);
        (dropout, activation) = (config.ResidualDropout, config.Activation);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor inner = c_fc.call(x); // [B,T,4D]
        inner = activation switch
        {
            Gpt2Config.Relu => nn.functional.relu(inner),
            Gpt2Config.ExactGelu => nn.functional.gelu(inner),
            _ => nn.functional.gelu(inner, GELU.Approximate.tanh),
        }; // [B,T,4D]
        return nn.functional.dropout(c_proj.call(inner), dropout, training); // [B,T,D]
    }
}
