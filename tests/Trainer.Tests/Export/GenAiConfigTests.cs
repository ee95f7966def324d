using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

/// <summary>What GenAI is told about a model.</summary>
public sealed class GenAiConfigTests
{
    private static readonly Gpt2Config Config = new() { VocabularySize = 512, Context = 64, HiddenSize = 32, Layers = 2, Heads = 4, BosId = 511, EosId = 511 };

    private static readonly LlamaConfig Llama = new()
    {
        Family = "llama", VocabularySize = 512, Context = 64, HiddenSize = 32, Layers = 2, Heads = 4, InnerSize = 64, EosId = 8,
    };

    [Fact]
    public void Text_Gpt2_IsATypeDecoderWithOurNames()
    {
        JsonElement model = JsonDocument.Parse(GenAiConfig.Text(Config, 7, GraphPrecision.Fp32)).RootElement.GetProperty("model");
        Assert.Equal("decoder", model.GetProperty("type").GetString());
        Assert.Equal((511, 7, 64), (model.GetProperty("eos_token_id").GetInt32(), model.GetProperty("pad_token_id").GetInt32(), model.GetProperty("context_length").GetInt32()));
        Assert.Equal("onnx/model.onnx", model.GetProperty("decoder").GetProperty("filename").GetString());
        Assert.Equal("past_key_values.%d.key", model.GetProperty("decoder").GetProperty("inputs").GetProperty("past_key_names").GetString());
    }

    [Theory]
    [InlineData(3, 3)]                                  // a padding token of its own
    [InlineData(511, 511)]                              // the end-of-text token, and no tokenizer to find a better one
    [InlineData(null, 511)]
    public void PaddingId_WithoutTokenizer_TakesTheModelsOwn(int? pad, int expected) =>
        Assert.Equal(expected, GenAiConfig.PaddingId(Config with { PadId = pad }, null));

    [Fact]
    public void Text_SeveralEndTokens_NamesAll()
    {
        LlamaConfig config = Llama with { OtherEosIds = [9, 10] };
        JsonElement model = JsonDocument.Parse(GenAiConfig.Text(config, 7, GraphPrecision.Fp32)).RootElement.GetProperty("model");
        Assert.Equal([8, 9, 10], model.GetProperty("eos_token_id").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(8, GenAiConfig.PaddingId(config with { PadId = 9 }, null)); // GenAI would mask an end token everywhere
    }
}
