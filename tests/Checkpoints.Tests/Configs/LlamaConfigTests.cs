using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>config.json of the decoders built like Llama, as transformers 4 and 5 write it. What is unknown is refused by name.</summary>
public sealed class LlamaConfigTests : IDisposable
{
    private const string Sizes =
        """
        "vocab_size": 512, "max_position_embeddings": 128, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 88
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_LlamaWithFewKeys_TakesTransformersDefaults()
    {
        LlamaConfig config = Load("llama", "");

        Assert.Equal((8, 4, 1e-6, 10_000.0, false, false), (config.HeadSize, config.KeyValueHeads, config.LayerNormEpsilon, config.Rotary.Theta, config.TiesHead, config.QueryBias));
        Assert.Equal((0.0, 0.0, 88), (config.ResidualDropout, config.AttentionDropout, config.InnerSize));
    }

    [Theory]
    [InlineData("""
        , "num_key_value_heads": 2, "rope_theta": 1000000.0
        """)]
    [InlineData("""
        , "num_key_value_heads": 2, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}, "layer_types": ["full_attention", "full_attention"], "sliding_window": null
        """)]
    public void Load_Qwen2OfBothVersions_IsTheSame(string rest)
    {
        LlamaConfig config = Load("qwen2", rest);

        Assert.Equal((2, 1e6, true, false), (config.KeyValueHeads, config.Rotary.Theta, config.QueryBias, config.AttentionBias));
        Assert.Null(config.Window);
    }

    [Fact]
    public void Load_Qwen3_KeepsItsHeadSizeAndIgnoresAnUnusedWindow()
    {
        LlamaConfig config = Load("qwen3", """, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 64, "use_sliding_window": false, "tie_word_embeddings": true""");

        Assert.Equal((16, true, true, false), (config.HeadSize, config.NormalizesHeads, config.TiesHead, config.HasHead));
        Assert.Null(config.Window);
    }

    [Theory]
    [InlineData("", 4096)]                                   // the default of MistralConfig
    [InlineData(""", "sliding_window": null""", null)]
    [InlineData(""", "sliding_window": 16""", 16)]
    public void Load_Mistral_HasItsWindow(string rest, int? window) => Assert.Equal(window, Load("mistral", """, "num_key_value_heads": 2""" + rest).Window);

    [Theory]
    [InlineData("llama", """, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}""", "'yarn'")]
    [InlineData("llama", """, "rope_scaling": {"type": "linear", "factor": 4.0}""", "'linear'")]
    [InlineData("llama", """, "rope_scaling": {"factor": 4.0}""", "rope_type is ''")]
    [InlineData("llama", """, "rope_scaling": {"rope_type": "default", "rope_theta": 500000.0}""", "rope_scaling.rope_theta")]
    [InlineData("llama", """, "partial_rotary_factor": 0.5""", "partial_rotary_factor")]
    [InlineData("llama", """, "architectures": ["LlamaForSequenceClassification"], "problem_type": "multi_label_classification" """, "problem_type")]
    [InlineData("llama", """, "rope_parameters": {"rope_type": "default"}""", "'rope_theta' is missing")]
    [InlineData("llama", """, "rope_parameters": {"full_attention": {"rope_theta": 1e4}, "rope_theta": 1e4}""", "rope_parameters.full_attention")]
    [InlineData("llama", """, "rope_theta": 1e4, "rope_parameters": {"rope_theta": 1e6}""", "'rope_theta' is 1e4")]
    [InlineData("llama", """, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 64}""", "low_freq_factor")]
    [InlineData("llama", """, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}""", "low_freq_factor")]
    [InlineData("llama", """, "rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}""", "partial_rotary_factor")]
    [InlineData("llama", """, "hidden_act": "gelu" """, "hidden_act")]
    [InlineData("qwen2", """, "num_key_value_heads": 2, "use_sliding_window": true""", "use_sliding_window")]
    [InlineData("qwen2", """, "num_key_value_heads": 2, "layer_types": ["full_attention", "sliding_attention"]""", "sliding_attention")]
    [InlineData("qwen2", "", "num_key_value_heads")]
    [InlineData("mistral", """, "num_key_value_heads": 2, "attention_bias": true""", "attention_bias")]
    [InlineData("qwen3", """, "num_key_value_heads": 2, "mlp_bias": true""", "mlp_bias")]
    [InlineData("llama", """, "attention_bias": 1""", "attention_bias")]
    [InlineData("llama", """, "num_key_value_heads": 3""", "3 key and value heads")]
    [InlineData("llama", """, "num_key_value_heads": 8""", "key and value heads is 8")]
    [InlineData("llama", """, "head_dim": 7""", "must be even")]
    [InlineData("llama", """, "head_dim": 262144""", "at most 262144")]
    [InlineData("llama", """, "head_dim": 300000""", "head size is 300000")]
    [InlineData("llama", """, "eos_token_id": [1, 512]""", "eos_token_id is 512")]
    [InlineData("llama", """, "eos_token_id": []""", "eos_token_id")]
    [InlineData("llama", """, "eos_token_id": [1, "a"]""", "eos_token_id")]
    public void Load_WhatIsNotImplemented_IsRefusedByName(string family, string rest, string named)
    {
        var error = Assert.Throws<CheckpointException>(() => Load(family, rest));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeveralEndsOfText_KeepsThemAll()
    {
        LlamaConfig config = Load("llama", """, "eos_token_id": [7, 9, 8]""");

        Assert.Equal(7, config.EosId);
        Assert.Equal([9, 8], config.OtherEosIds);
        config.Save(_folder.File("saved"));
        Assert.Equal([9, 8], ModelConfig.Load(_folder.File("saved")).OtherEosIds);
    }

    [Fact]
    public void Load_WidthThatHeadsDoNotDivide_NeedsAHeadSize()
    {
        Assert.Contains("does not divide into 5 heads", Assert.Throws<CheckpointException>(() => Load("llama", "", heads: 5)).Message, StringComparison.Ordinal);
        Assert.Equal(6, Load("llama", """, "head_dim": 6""", heads: 5).HeadSize);
    }

    [Theory]
    [InlineData("llama", """, "num_key_value_heads": 2, "attention_bias": true, "mlp_bias": true""")]
    [InlineData("mistral", """, "num_key_value_heads": 2, "sliding_window": 16""")]
    [InlineData("llama", """, "num_key_value_heads": 4, "rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}""")]
    public void Save_WithoutTheOriginalFile_ReadsBackEqual(string family, string rest)
    {
        LlamaConfig config = Load(family, rest) with { Source = null };

        config.Save(_folder.File("saved"));

        Assert.Equal(config, ((LlamaConfig)ModelConfig.Load(_folder.File("saved"))) with { Source = null, ExplicitHeadSize = null, Labels = config.Labels, OtherEosIds = config.OtherEosIds });
    }

    [Fact]
    public void InverseFrequencies_Llama3_AreThoseOfTransformers()
    {
        // ../shared/fixtures/tiny-llama3-rope: theta 5e5, head_dim 16, factor 8, low 1, high 4, original 64. All three bands occur.
        var positions = new RotaryPositions(5e5, new Llama3Scaling(8, 1, 4, 64));
        double[] expected = [1, 0.079403013, 0.00470075384, 0.000911583134, 0.000176776681, 3.42810235e-05, 6.64786967e-06, 1.28917316e-06];

        float[] actual = positions.InverseFrequencies(16);

        Assert.All(expected.Zip(actual), pair => Assert.Equal(1, pair.Second / pair.First, 5e-7));
    }

    private LlamaConfig Load(string family, string rest, int heads = 4)
    {
        File.WriteAllText(
            _folder.File("config.json"),
            $$"""{"model_type": "{{family}}", {{Sizes.Replace("\"num_attention_heads\": 4", $"\"num_attention_heads\": {heads}", StringComparison.Ordinal)}}{{rest}}}""");
        return (LlamaConfig)ModelConfig.Load(_folder.Path);
    }
}
