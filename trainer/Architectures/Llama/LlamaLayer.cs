using Rudder.Checkpoints;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Architectures.Llama;

/// <summary>One layer: grouped-query attention and a gated feed-forward, each on normalized input and added to the state.</summary>
internal sealed class LlamaLayer : nn.Module<Tensor, Rotary, Tensor>
{
    private readonly RmsNorm input_layernorm;
    private readonly LlamaAttention self_attn;
    private readonly RmsNorm post_attention_layernorm;
    private readonly LlamaFeedForward mlp;

    /// <summary>Creates the layer.</summary>
    public LlamaLayer(LlamaConfig config, Device device, MatrixProducts products)
        : base(nameof(LlamaLayer))
    {
        input_layernorm = new RmsNorm(config.HiddenSize, config.LayerNormEpsilon, device);
        self_attn = new LlamaAttention(config, device, products);
        post_attention_layernorm = new RmsNorm(config.HiddenSize, config.LayerNormEpsilon, device);
        mlp = new LlamaFeedForward(config, device, products);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Rotary rotary)
    {
        Tensor attended = x + self_attn.call(input_layernorm.call(x), rotary); // [B,T,D]
        return attended + mlp.call(post_attention_layernorm.call(attended)); // [B,T,D]
    }
}

/// <summary>Causal attention in which groups of query heads share a head of keys and values (arXiv:2305.13245).</summary>
internal sealed class LlamaAttention : nn.Module<Tensor, Rotary, Tensor>
{
    private readonly LinearMap q_proj;
    private readonly LinearMap k_proj;
    private readonly LinearMap v_proj;
    private readonly LinearMap o_proj;
    private readonly RmsNorm? q_norm;
    private readonly RmsNorm? k_norm;
    private readonly int heads, keyValueHeads, size;
    private readonly double dropout;

    /// <summary>Creates the attention.</summary>
    public LlamaAttention(LlamaConfig config, Device device, MatrixProducts products)
        : base(nameof(LlamaAttention))
    {
        (heads, keyValueHeads, size, dropout) = (config.Heads, config.KeyValueHeads, config.HeadSize, config.AttentionDropout);
        q_proj = new LinearMap(config.HiddenSize, heads * size, config.QueryBias, device, products);
        k_proj = new LinearMap(config.HiddenSize, keyValueHeads * size, config.QueryBias, device, products);
        v_proj = new LinearMap(config.HiddenSize, keyValueHeads * size, config.QueryBias, device, products);
        o_proj = new LinearMap(heads * size, config.HiddenSize, config.AttentionBias, device, products);
        if (config.NormalizesHeads)
        {
            q_norm = new RmsNorm(size, config.LayerNormEpsilon, device);
            k_norm = new RmsNorm(size, config.LayerNormEpsilon, device);
        }

        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Rotary rotary)
    {
        (long batch, long time) = (x.shape[0], x.shape[1]);
        Tensor queries = Split(q_proj.call(x), heads, q_norm); // [B,H,T,E]
        Tensor keys = Split(k_proj.call(x), keyValueHeads, k_norm); // [B,K,T,E]
        Tensor values = Split(v_proj.call(x), keyValueHeads, null); // [B,K,T,E]
        Tensor mixed = SeededDropout.Attention(
            rotary.Turn(queries),
            Repeat(rotary.Turn(keys)),
            Repeat(values),
            dropout,
            training,
            rotary.Mask,
            causal: rotary.Mask is null); // [B,H,T,E]
        return o_proj.call(mixed.transpose(1, 2).reshape(batch, time, heads * size)); // [B,T,D]

        Tensor Split(Tensor t, int count, RmsNorm? norm)
        {
            Tensor split = t.view(batch, time, count, size); // [B,T,count,E]
            return (norm?.call(split) ?? split).transpose(1, 2); // [B,count,T,E]
        }

        // Query head h reads head h / (H/K): every head of keys is repeated for its group.
        Tensor Repeat(Tensor t) => heads == keyValueHeads ? t : t.repeat_interleave(heads / keyValueHeads, dim: 1); // [B,H,T,E]
    }
}

/// <summary>The gated feed-forward of a layer, SwiGLU (arXiv:2002.05202).</summary>
internal sealed class LlamaFeedForward : nn.Module<Tensor, Tensor>
{
    private readonly LinearMap gate_proj;
    private readonly LinearMap up_proj;
    private readonly LinearMap down_proj;

    /// <summary>Creates the three products.</summary>
    public LlamaFeedForward(LlamaConfig config, Device device, MatrixProducts products)
        : base(nameof(LlamaFeedForward))
    {
        gate_proj = new LinearMap(config.HiddenSize, config.InnerSize, config.FeedForwardBias, device, products);
        up_proj = new LinearMap(config.HiddenSize, config.InnerSize, config.FeedForwardBias, device, products);
        down_proj = new LinearMap(config.InnerSize, config.HiddenSize, config.FeedForwardBias, device, products);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => down_proj.call(nn.functional.silu(gate_proj.call(x)) * up_proj.call(x)); // [B,T,D]
}
