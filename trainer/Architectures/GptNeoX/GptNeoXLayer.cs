using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.GptNeoX;

/// <summary>One layer: attention and feed-forward read the same state side by side, or one after the other.</summary>
internal sealed class GptNeoXLayer : nn.Module<Tensor, Rotary, Tensor>
{
    private readonly LayerNorm input_layernorm;
    private readonly LayerNorm post_attention_layernorm;
    private readonly GptNeoXAttention attention;
    private readonly GptNeoXFeedForward mlp;
    private readonly bool parallel;
    private readonly double dropout;

    /// <summary>Creates the layer.</summary>
    public GptNeoXLayer(GptNeoXConfig config, Device device, MatrixProducts products)
        : base(nameof(GptNeoXLayer))
    {
        input_layernorm = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        post_attention_layernorm = nn.LayerNorm(config.HiddenSize, config.LayerNormEpsilon, device: device);
        attention = new GptNeoXAttention(config, device, products);
        mlp = new GptNeoXFeedForward(config, device, products);
        (parallel, dropout) = (config.IsParallel, config.ResidualDropout);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Rotary rotary)
    {
        Tensor attended = x + SeededDropout.Apply(attention.call(input_layernorm.call(x), rotary), dropout, training); // [B,T,D]
        Tensor fed = mlp.call(post_attention_layernorm.call(parallel ? x : attended)); // [B,T,D]
        return attended + SeededDropout.Apply(fed, dropout, training); // [B,T,D]
    }
}

/// <summary>Causal attention with one product whose rows hold query, key and value of a head side by side.</summary>
internal sealed class GptNeoXAttention : nn.Module<Tensor, Rotary, Tensor>
{
    private readonly LinearMap query_key_value;
    private readonly LinearMap dense;
    private readonly int heads, size;
    private readonly double dropout;

    /// <summary>Creates the attention.</summary>
    public GptNeoXAttention(GptNeoXConfig config, Device device, MatrixProducts products)
        : base(nameof(GptNeoXAttention))
    {
        (heads, size, dropout) = (config.Heads, config.HeadSize, config.AttentionDropout);
        query_key_value = new LinearMap(config.HiddenSize, 3L * config.HiddenSize, hasBias: true, device, products);
        dense = new LinearMap(config.HiddenSize, config.HiddenSize, hasBias: true, device, products);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Rotary rotary)
    {
        (long batch, long time) = (x.shape[0], x.shape[1]);
        Tensor[] parts = query_key_value.call(x).view(batch, time, heads, 3 * size).transpose(1, 2).chunk(3, -1); // 3 × [B,H,T,E]
        Tensor mixed = SeededDropout.Attention(
            rotary.Turn(parts[0]), rotary.Turn(parts[1]), parts[2], dropout, training, causal: true); // [B,H,T,E]
        return dense.call(mixed.transpose(1, 2).reshape(batch, time, heads * size)); // [B,T,D]
    }
}

/// <summary>The feed-forward of a layer.</summary>
internal sealed class GptNeoXFeedForward : nn.Module<Tensor, Tensor>
{
    private readonly LinearMap dense_h_to_4h;
    private readonly LinearMap dense_4h_to_h;

    /// <summary>Creates the two products around the GELU.</summary>
    public GptNeoXFeedForward(GptNeoXConfig config, Device device, MatrixProducts products)
        : base(nameof(GptNeoXFeedForward))
    {
        dense_h_to_4h = new LinearMap(config.HiddenSize, config.InnerSize, hasBias: true, device, products);
        dense_4h_to_h = new LinearMap(config.InnerSize, config.HiddenSize, hasBias: true, device, products);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => dense_4h_to_h.call(nn.functional.gelu(dense_h_to_4h.call(x))); // [B,T,D]
}
