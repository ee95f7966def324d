using Rudder.Checkpoints;

namespace Rudder.Trainer.Models;

/// <summary>Refuses a tokenizer that does not match a model: its ids would select the wrong embedding rows.</summary>
internal static class TokenizerFit
{
    /// <summary>Requires an end-of-text id of the model. Ids beyond the model's vocabulary are refused later, when a text contains one.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="tokenizerFolder">Where it lies.</param>
    /// <param name="config">The model.</param>
    /// <param name="modelFolder">Where it lies.</param>
    public static void Require(TextTokenizer tokenizer, string tokenizerFolder, ModelConfig config, string modelFolder)
    {
        if (tokenizer.EosId is int end && config.EosId is int expected && end != expected && !config.OtherEosIds.Contains(end))
        {
            throw new BadInputException(
                $"The tokenizer in {tokenizerFolder} ends a text with id {end}, the model in {modelFolder} with id {expected}. Use the tokenizer that the model was trained with.");
        }
    }
}
