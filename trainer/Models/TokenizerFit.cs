using Rudder.Checkpoints;

namespace Rudder.Trainer.Models;

/// <summary>Refuses a tokenizer that does not belong to a model: its ids would name other rows of the embedding, or none.</summary>
internal static class TokenizerFit
{
    /// <summary>Requires ids within the model's vocabulary, and the model's end-of-text id.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="tokenizerFolder">Where it lies.</param>
    /// <param name="config">The model.</param>
    /// <param name="modelFolder">Where it lies.</param>
    public static void Require(TextTokenizer tokenizer, string tokenizerFolder, ModelConfig config, string modelFolder)
    {
        RequireIds(tokenizer, tokenizerFolder, config, modelFolder);
        if (tokenizer.EosId is int end && config.EosId is int expected && end != expected)
        {
            throw new BadInputException(
                $"The tokenizer in {tokenizerFolder} ends a text with id {end}, the model in {modelFolder} with id {expected}. {Remedy}");
        }
    }

    /// <summary>Requires ids within the model's vocabulary; a model may have more rows than its tokenizer has ids.</summary>
    /// <inheritdoc cref="Require"/>
    public static void RequireIds(TextTokenizer tokenizer, string tokenizerFolder, ModelConfig config, string modelFolder)
    {
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new BadInputException(
                $"The tokenizer in {tokenizerFolder} has {tokenizer.VocabularySize} ids; the model in {modelFolder} knows {config.VocabularySize}. {Remedy}");
        }
    }

    private const string Remedy = "Use the tokenizer that the model was trained with.";
}
