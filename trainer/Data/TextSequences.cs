using Rudder.Checkpoints;
using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>Turns texts to train on into sequences, cut to the limits, and counts the cuts.</summary>
/// <param name="tokenizer">It has an end-of-text token.</param>
/// <param name="limits">MaxLength counts the last target too, which the model does not read.</param>
/// <param name="badRows">Gets texts that do not fit.</param>
internal sealed class TextSequences(TextTokenizer tokenizer, SequenceLimits limits, BadRows badRows)
{
    private readonly CompletionEncoder _encoder = new(tokenizer);

    /// <summary>Prompts that lost tokens.</summary>
    public int CutPrompts { get; private set; }

    /// <summary>Completions, or texts without a prompt, that lost tokens.</summary>
    public int CutCompletions { get; private set; }

    /// <summary>The counts as metrics; empty without cuts.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Cuts => CutPrompts + CutCompletions == 0
        ? []
        : [new("truncated_prompts", CutPrompts), new("truncated_completions", CutCompletions)];

    /// <summary>One sequence per text. A text or completion that is not cut ends with the end-of-text token.</summary>
    public WholeDocuments Of(IEnumerable<Review> texts)
    {
        List<TextSequence> sequences = [];
        foreach (Review text in texts)
        {
            badRows.Try(() => sequences.Add(text.Prompt is null ? Whole(text) : Prompted(text, text.Prompt)));
        }

        return new WholeDocuments(sequences);
    }

    private TextSequence Whole(Review text)
    {
        string place = text.Place ?? text.Id;
        int[] ids = _encoder.Document(place, text.Text);
        if (ids.Length > limits.MaxLength && limits.OverLength is OverLength.Refuse or OverLength.TruncatePrompt)
        {
            throw BadRows.Of(place, $"the text and its end-of-text token make {ids.Length} tokens; {limits.Names.MaxLength} is "
                + $"{limits.MaxLength}. {limits.Names.Raise} (at most the model's context), or set {limits.Names.OverLength} to \"truncate\"");
        }

        CutCompletions += ids.Length > limits.MaxLength ? 1 : 0;
        return new TextSequence(text.Id, ids[..Math.Min(ids.Length, limits.MaxLength)], 1);
    }

    private TextSequence Prompted(Review text, string source)
    {
        string place = text.Place ?? text.Id;
        (int[] prompt, int[] completion) = (_encoder.Prompt(place, source), _encoder.Completion(place, "completion", text.Text));
        if ((limits.Problem(prompt.Length) ?? limits.Problem(prompt.Length, completion.Length, "completion")) is string problem)
        {
            throw BadRows.Of(place, problem);
        }

        int kept = limits.PromptTokens(prompt.Length, completion.Length);
        int[] room = completion[..Math.Min(completion.Length, limits.MaxLength - kept)];
        CutPrompts += kept < prompt.Length ? 1 : 0;
        CutCompletions += room.Length < completion.Length ? 1 : 0;
        return new TextSequence(text.Id, [.. prompt[^kept..], .. room], kept);
    }
}
