namespace Rudder.Checkpoints;

/// <summary>Relates the names of a language model's tensors in checkpoints to those in exported graphs.</summary>
/// <remarks>Exported graphs drop the base model's prefix. A head tied to the embedding has no tensor of its own there.</remarks>
public static class WeightNames
{
    /// <summary>The prefix of names in language-model checkpoints. The first uploads of GPT-2 have none.</summary>
    public const string Prefix = "transformer.";

    /// <summary>The token embedding, [V,D].</summary>
    public const string Embedding = "wte.weight";

    /// <summary>The token embedding of the decoders built like Llama, [V,D].</summary>
    public const string LlamaEmbedding = "model.embed_tokens.weight";

    /// <summary>Prefix of tables in graphs that are no weights of the model, such as the angles of rotary positions.</summary>
    public const string ConstantPrefix = "constant.";

    /// <summary>The output matrix of a checkpoint. In a model that ties it, it equals the token embedding.</summary>
    public const string Head = "lm_head.weight";

    /// <summary>The name in graphs of a checkpoint's tensor.</summary>
    /// <param name="name">Its name in the checkpoint, with or without <see cref="Prefix"/>.</param>
    public static string InGraph(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
}
