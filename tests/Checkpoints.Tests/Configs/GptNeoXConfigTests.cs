namespace Rudder.Checkpoints.Tests;

/// <summary>config.json of GPT-NeoX, as transformers 4 and 5 write it.</summary>
public sealed class GptNeoXConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", 0.25, 10_000, 4)]
    [InlineData(""", "rotary_pct": 0.5, "rotary_emb_base": 20000, "rope_scaling": null""", 0.5, 20_000, 8)]
    [InlineData(""", "rope_parameters": {"rope_theta": 20000.0, "rope_type": "default", "partial_rotary_factor": 0.5}""", 0.5, 20_000, 8)]
    public void Load_BothVersions_GiveTheRotaryPart(string rest, double part, double theta, int size)
    {
        GptNeoXConfig config = Load(rest);

        Assert.Equal((part, theta, size, true), (config.RotaryPart, config.Rotary.Theta, config.RotarySize, config.IsParallel));
    }

    [Theory]
    [InlineData(""", "rotary_pct": 0.2""", "turns 3 of 16 numbers")]
    [InlineData(""", "rotary_pct": 1.5""", "at most 1")]
    [InlineData(""", "hidden_act": "gelu_new" """, "hidden_act")]
    [InlineData(""", "tie_word_embeddings": true""", "tie_word_embeddings")]
    [InlineData(""", "attention_bias": false""", "attention_bias")]
    [InlineData(""", "rope_scaling": {"type": "linear", "factor": 2.0}""", "'linear'")]
    [InlineData(""", "architectures": ["GPTNeoXForSequenceClassification"], "problem_type": "multi_label_classification" """, "problem_type")]
    public void Load_WhatIsNotImplemented_IsRefusedByName(string rest, string named) =>
        Assert.Contains(named, Assert.Throws<CheckpointException>(() => Load(rest)).Message, StringComparison.Ordinal);

    [Fact]
    public void Save_WithoutTheOriginalFile_ReadsBackEqual()
    {
        GptNeoXConfig config = Load(""", "rotary_pct": 0.5, "rotary_emb_base": 20000, "use_parallel_residual": false, "hidden_dropout": 0.1""") with { Source = null };

        config.Save(_folder.File("saved"));

        Assert.Equal(config, (GptNeoXConfig)ModelConfig.Load(_folder.File("saved")) with { Source = null, Labels = config.Labels, OtherEosIds = config.OtherEosIds });
    }

    private GptNeoXConfig Load(string rest)
    {
        File.WriteAllText(
            _folder.File("config.json"),
            $$"""
            {"model_type": "gpt_neox", "vocab_size": 512, "max_position_embeddings": 128, "hidden_size": 32, "num_hidden_layers": 2,
             "num_attention_heads": 2, "intermediate_size": 128{{rest}}}
            """);
        return (GptNeoXConfig)ModelConfig.Load(_folder.Path);
    }
}
