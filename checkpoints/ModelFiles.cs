namespace Rudder.Checkpoints;

/// <summary>File names of a model folder in Hugging Face layout. <see cref="GraphFiles"/> has those of exported graphs.</summary>
public static class ModelFiles
{
    /// <summary>The model's shape and special tokens.</summary>
    public const string Config = "config.json";

    /// <summary>Sampling defaults for other programs.</summary>
    public const string GenerationConfig = "generation_config.json";

    /// <summary>ONNX Runtime GenAI's settings. The file is in the root and refers to files in <see cref="GraphFiles.Folder"/>.</summary>
    public const string GenAiConfig = "genai_config.json";

    /// <summary>The model card.</summary>
    public const string Card = "README.md";

    /// <summary>The weights, in one file.</summary>
    public const string Safetensors = "model.safetensors";

    /// <summary>The tokenizer, in one file.</summary>
    public const string TokenizerJson = "tokenizer.json";

    internal const string SafetensorsIndex = "model.safetensors.index.json";
    internal const string Torch = "pytorch_model.bin";
    internal const string TorchIndex = "pytorch_model.bin.index.json";
    internal const string TokenizerConfig = "tokenizer_config.json";
    internal const string ChatTemplate = "chat_template.jinja";
    internal const string Vocabulary = "vocab.json";
    internal const string Merges = "merges.txt";
    internal const string AddedTokens = "added_tokens.json";
    internal const string SpecialTokensMap = "special_tokens_map.json";

    /// <summary>Possible weight files, in search order.</summary>
    internal static readonly string[] Weights = [Safetensors, SafetensorsIndex, Torch, TorchIndex];

    /// <summary>All files that a tokenizer may consist of.</summary>
    internal static readonly string[] Tokenizer = [TokenizerJson, TokenizerConfig, Vocabulary, Merges, AddedTokens, SpecialTokensMap];
}
