namespace Rudder.Checkpoints;

/// <summary>The names of the files of a model folder in Hugging Face layout.</summary>
internal static class ModelFiles
{
    public const string Config = "config.json";
    public const string Safetensors = "model.safetensors";
    public const string SafetensorsIndex = "model.safetensors.index.json";
    public const string Torch = "pytorch_model.bin";
    public const string TorchIndex = "pytorch_model.bin.index.json";
    public const string TokenizerJson = "tokenizer.json";
    public const string TokenizerConfig = "tokenizer_config.json";
    public const string Vocabulary = "vocab.json";
    public const string Merges = "merges.txt";
    public const string AddedTokens = "added_tokens.json";
    public const string SpecialTokensMap = "special_tokens_map.json";

    /// <summary>Where weights may lie, in the order in which they are looked for.</summary>
    public static readonly string[] Weights = [Safetensors, SafetensorsIndex, Torch, TorchIndex];

    /// <summary>Everything that a tokenizer consists of.</summary>
    public static readonly string[] Tokenizer = [TokenizerJson, TokenizerConfig, Vocabulary, Merges, AddedTokens, SpecialTokensMap];
}
