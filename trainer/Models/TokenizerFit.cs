using Rudder.Checkpoints;

namespace Rudder.Trainer.Models;

/// <summary>Refuses a tokenizer that does not belong to a model: its ids would name other rows of the embedding.</summary>
internal static class TokenizerFit
{
    /// <summary>Requires the model's end-of-text id. Ids beyond the model's vocabulary are refused where a text has them.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="tokenizerFolder">Where it lies.</param>
    /// <param name="config">The model.</param>
    /// <param name="modelFolder">Where it lies.</param>
    public static void Require(TextTokenizer tokenizer, string tokenizerFolder, ModelConfig config, string modelFolder)
    {
        if (tokenizer.EosId is int end && config.EosId is int expected && end != expected)
        {
            throw new BadInputException(
                $"The tokenizer in {tokenizerFolder} ends a text with id {end}, the model in {modelFolder} with id {expected}. Use the tokenizer that the model was trained with.");
        }
    }
}
