using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>config.json in and out, and what it must not say.</summary>
public class ModelConfigTests
{
    [Fact]
    public void Load_TinyGpt2_GivesItsShape()
    {
        var config = ModelConfig.Load<Gpt2Config>(Fixtures.Gpt2);

        Assert.Equal((512, 64, 32, 2, 4), (config.VocabularySize, config.Context, config.HiddenSize, config.Layers, config.Heads));
        Assert.Equal((128, 8, 0.1, 1e-5), (config.InnerSize, config.HeadSize, config.ResidualDropout, config.LayerNormEpsilon));
        Assert.Equal((511, 511, null), (config.BosId, config.EosId, config.PadId));
    }

    [Fact]
    public void Load_TinyRoberta_CountsPositionsAfterThePaddingId()
    {
        var config = ModelConfig.Load<RobertaConfig>(Fixtures.Roberta);

        Assert.Equal((64, 66, 64, 1), (config.Context, config.MaxPositions, config.IntermediateSize, config.TypeVocabularySize));
        Assert.Equal(["NEGATIVE", "POSITIVE"], config.Labels);
        Assert.Equal(1e-12, config.LayerNormEpsilon);
    }

    [Fact]
    public void Save_LoadedConfig_KeepsForeignKeysAndLoadsEqual()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Changed(Fixtures.Gpt2, "task_specific_params", """{"text-generation":{"max_length":50}}"""));
        var config = ModelConfig.Load<Gpt2Config>(folder.Path);

        (config with { Context = 128, PadId = 3 }).Save(folder.Path);

        var json = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        Assert.Equal(50, (int)json["task_specific_params"]!["text-generation"]!["max_length"]!);
        Assert.Equal((128, 3), ((int)json["n_positions"]!, (int)json["pad_token_id"]!));
        Assert.Equal(128, ModelConfig.Load(folder.Path).Context);
    }

    [Fact]
    public void Save_NewRoberta_LoadsEqual()
    {
        using var folder = new TemporaryFolder();
        var config = new RobertaConfig
        {
            VocabularySize = 300, Context = 20, HiddenSize = 12, Layers = 1, Heads = 3, IntermediateSize = 24, Labels = ["bad", "good"],
            BosId = 0, PadId = 1, EosId = 2, LayerNormEpsilon = 1e-6, ResidualDropout = 0.2, AttentionDropout = 0, ClassifierDropout = 0.3,
        };

        config.Save(folder.Path);

        var loaded = ModelConfig.Load<RobertaConfig>(folder.Path);
        Assert.Equal(config.Labels, loaded.Labels);
        Assert.Equal(config, loaded with { Labels = config.Labels, Source = null });
    }

    [Theory]
    [InlineData("model_type", "\"t5\"", "'t5'")]
    [InlineData("vocab_size", "0", "positive integer")]
    [InlineData("vocab_size", "\"many\"", "\"many\"")]
    [InlineData("n_embd", "33", "does not divide into 4 heads")]
    [InlineData("n_layer", "null", "'n_layer' is missing")]
    [InlineData("activation_function", "\"quick_gelu\"", "'quick_gelu'")]
    [InlineData("activation_function", "1", "a string")]
    [InlineData("scale_attn_by_inverse_layer_idx", "1", "true or false")]
    [InlineData("tie_word_embeddings", "\"no\"", "true or false")]
    [InlineData("add_cross_attention", "true", "Cross-attention")]
    [InlineData("n_layer", "2147483647", "from 1 to 1024")]
    [InlineData("vocab_size", "2147483647", "from 1 to 16777216")]
    [InlineData("n_inner", "2147483647", "from 1 to 262144")]
    [InlineData("resid_pdrop", "1.0", "below 1")]
    [InlineData("eos_token_id", "512", "outside the vocabulary of 512")]
    [InlineData("layer_norm_epsilon", "-1", "0 or more")]
    public void Load_UnusableGpt2Setting_NamesFileAndKey(string key, string value, string part)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Changed(Fixtures.Gpt2, key, value));

        var error = Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path));

        Assert.Contains(folder.File("config.json"), error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hidden_act", "\"gelu_new\"", "\"gelu_new\"")]
    [InlineData("position_embedding_type", "\"relative_key\"", "relative_key")]
    [InlineData("max_position_embeddings", "2", "must be above 2")]
    [InlineData("id2label", """{"0":"A"}""", "two or more")]
    [InlineData("num_labels", "2147483647", "from 1 to 262144", true)]
    [InlineData("id2label", """{"0":"A","2":"B"}""", "each id from 0 to 1")]
    [InlineData("id2label", """{"0":"A","1":"A"}""", "different")]
    [InlineData("problem_type", "\"regression\"", "regression")]
    public void Load_UnusableRobertaSetting_NamesFileAndKey(string key, string value, string part, bool withoutNames = false)
    {
        using var folder = new TemporaryFolder();
        string json = Changed(Fixtures.Roberta, key, value);
        File.WriteAllText(folder.File("config.json"), withoutNames ? json.Replace("id2label", "names", StringComparison.Ordinal) : json);

        var error = Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path));

        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_Gpt2WithLabels_IsAClassifierForOtherLibraries()
    {
        using var folder = new TemporaryFolder();
        var model = ModelConfig.Load<Gpt2Config>(Fixtures.Gpt2); // its file names GPT2LMHeadModel

        (model with { Labels = ["LABEL_0"], PadId = 511 }).Save(folder.Path);

        var json = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        Assert.Equal("[\"GPT2ForSequenceClassification\"]", json["architectures"]!.ToJsonString());
        Assert.Equal(("{\"0\":\"LABEL_0\"}", "{\"LABEL_0\":0}"), (json["id2label"]!.ToJsonString(), json["label2id"]!.ToJsonString()));
        Assert.Equal((1, 511), ((int)json["num_labels"]!, (int)json["pad_token_id"]!));
        var loaded = ModelConfig.Load(folder.Path);
        Assert.Equal(["LABEL_0"], loaded.Labels);
        Assert.Equal((true, false, 511), (loaded.IsClassifier, loaded.WrapsTexts, loaded.PadId));
    }

    [Fact]
    public void Load_Gpt2LanguageModelWithLabelNames_IsNoClassifier()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Changed(Fixtures.Gpt2, "id2label", """{"0":"LABEL_0"}""")); // as distilgpt2's
        Assert.False(ModelConfig.Load(folder.Path).IsClassifier);
    }

    [Theory]
    [InlineData("eos_token_id", "511", "pad_token_id is missing")]
    [InlineData("problem_type", "\"multi_label_classification\"", "multi_label_classification")]
    [InlineData("id2label", """{"0":"A","1":"A"}""", "no two")]
    public void Load_UnusableGpt2Classifier_NamesFileAndKey(string key, string value, string part)
    {
        using var folder = new TemporaryFolder();
        string config = Changed(Fixtures.Gpt2, key, value).Replace("GPT2LMHeadModel", "GPT2ForSequenceClassification", StringComparison.Ordinal);
        File.WriteAllText(folder.File("config.json"), key == "id2label" ? config.Replace("\"bos_token_id\"", "\"pad_token_id\"", StringComparison.Ordinal) : config);
        Assert.Contains(part, Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ThreeDropouts_AreThreeSettings()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Changed(Fixtures.Gpt2, "attn_pdrop", "0"));

        var config = ModelConfig.Load<Gpt2Config>(folder.Path);

        Assert.Equal((0.1, 0.0, 0.1), (config.ResidualDropout, config.AttentionDropout, config.EmbeddingDropout));
        Assert.Equal(config with { AttentionDropout = 0.5, ResidualDropout = 0.5, EmbeddingDropout = 0.5 }, config.WithDropout(0.5));
    }

    [Fact]
    public void Save_WholeDropout_IsWrittenAsAFloatBesideTheDtype()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Changed(Fixtures.Gpt2, "torch_dtype", "\"bfloat16\""));

        ModelConfig.Load<Gpt2Config>(folder.Path).WithDropout(0).Save(folder.Path, WeightType.F16);

        string json = File.ReadAllText(folder.File("config.json"));
        Assert.Contains("\"attn_pdrop\": 0.0", json, StringComparison.Ordinal);
        Assert.Contains("\"dtype\": \"float16\"", json, StringComparison.Ordinal);
        Assert.DoesNotContain("bfloat16", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((1 << 20) + 1, "at most 1048576 are read")]
    public void Load_LargeFile_IsRefusedByItsSize(int length, string part)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), "{}".PadRight(length));

        Assert.Contains(part, Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OtherFamily_SaysWhichIsNeeded()
    {
        var error = Assert.Throws<CheckpointException>(() => ModelConfig.Load<RobertaConfig>(Fixtures.Gpt2));

        Assert.Contains("'gpt2'", error.Message, StringComparison.Ordinal);
        Assert.Contains("Roberta", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoConfig_NamesTheFile()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains(folder.File("config.json"), Assert.Throws<CheckpointException>(() => ModelConfig.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static string Changed(string folder, string key, string value)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        json[key] = JsonNode.Parse(value);
        return json.ToJsonString();
    }
}
