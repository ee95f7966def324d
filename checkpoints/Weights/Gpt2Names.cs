namespace Rudder.Checkpoints;

/// <summary>Names and shapes of GPT-2's weights as Hugging Face writes them, without the prefix <c>transformer.</c>.</summary>
public static class Gpt2Names
{
    /// <summary>The prefix that a language model's checkpoint puts before each name; the first uploads had none.</summary>
    public const string Prefix = "transformer.";

    /// <summary>Every tensor of a model, in order. Matrices of the blocks are [in, out] (the family's Conv1D layout).</summary>
    /// <param name="config">The model's shape.</param>
    public static IEnumerable<(string Name, long[] Shape)> Expected(Gpt2Config config)
    {
        long width = config.HiddenSize, inner = config.InnerSize;
        yield return ("wte.weight", [config.VocabularySize, width]);
        yield return ("wpe.weight", [config.Context, width]);
        for (int i = 0; i < config.Layers; i++)
        {
            yield return ($"h.{i}.ln_1.weight", [width]);
            yield return ($"h.{i}.ln_1.bias", [width]);
            yield return ($"h.{i}.attn.c_attn.weight", [width, 3 * width]);
            yield return ($"h.{i}.attn.c_attn.bias", [3 * width]);
            yield return ($"h.{i}.attn.c_proj.weight", [width, width]);
            yield return ($"h.{i}.attn.c_proj.bias", [width]);
            yield return ($"h.{i}.ln_2.weight", [width]);
            yield return ($"h.{i}.ln_2.bias", [width]);
            yield return ($"h.{i}.mlp.c_fc.weight", [width, inner]);
            yield return ($"h.{i}.mlp.c_fc.bias", [inner]);
            yield return ($"h.{i}.mlp.c_proj.weight", [inner, width]);
            yield return ($"h.{i}.mlp.c_proj.bias", [width]);
        }

        yield return ("ln_f.weight", [width]);
        yield return ("ln_f.bias", [width]);
    }
}
