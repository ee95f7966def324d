using Rudder.Checkpoints;
using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>Encodes texts of prompts and completions, each apart from the other.</summary>
/// <param name="tokenizer">The model's tokenizer; null for a model without one, which takes ids only.</param>
internal sealed class CompletionEncoder(TextTokenizer? tokenizer)
{
    /// <summary>
    /// A prompt's ids, after the special tokens that the tokenizer wants before a text. The end-of-text token stands for an empty prompt.
    /// </summary>
    /// <exception cref="DatasetException">The text has a token that the model lacks.</exception>
    public int[] Prompt(string place, string text) => Start(Encode(place, "prompt", text)) is { Length: > 0 } ids ? ids : [End(place)];

    /// <summary>The ids of a text, after the special tokens that the tokenizer wants before one.</summary>
    public int[] Start(int[] ids) => tokenizer!.WithSpecialTokens(ids, end: false);

    /// <summary>A completion's ids. They end with one end-of-text token, whether or not the text does.</summary>
    /// <param name="place">"FILE:LINE".</param>
    /// <param name="column">Its name in messages.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="DatasetException">The text is empty or has a token that the model lacks.</exception>
    public int[] Completion(string place, string column, string text)
    {
        int end = End(place);
        int[] ids = Encode(place, column, text);
        return ids.Length == 0 ? throw BadRows.Of(place, $"{column} is empty; a row needs at least one token to learn from")
            : ids[^1] == end ? ids
            : [.. ids, end];
    }

    /// <summary>A whole text's ids, with the start token where the model wants one, and one end-of-text token, whether or not the text has it.</summary>
    /// <param name="place">"FILE:LINE".</param>
    /// <param name="text">The text; may be empty.</param>
    /// <exception cref="DatasetException">The text has a token that the model lacks.</exception>
    public int[] Document(string place, string text)
    {
        int[] ids = Start(Encode(place, "text", text));
        int end = End(place);
        return ids.Length > 0 && ids[^1] == end ? ids : [.. ids, end];
    }

    /// <summary>A text's ids, without an end-of-text token.</summary>
    /// <inheritdoc cref="Completion"/>
    public int[] Encode(string place, string column, string text)
    {
        End(place);
        try
        {
            return tokenizer!.Encode(text);
        }
        catch (SurplusTokenException surplus)
        {
            throw BadRows.Of(place, $"{column}: {surplus.Message.TrimEnd('.')}");
        }
    }

    /// <summary>The model cannot read any text without it, so the error is not one of the row.</summary>
    private int End(string place) => tokenizer?.EosId ?? throw new BadInputException(
        $"{place}: it holds texts, but the model has no tokenizer with an end-of-text token. Give tokenizer, or rows of token ids.");
}
