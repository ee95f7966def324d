namespace Rudder.Client.Pairs;

/// <summary>A prompt as the policy gets it.</summary>
/// <param name="Id">Source id, with "#k" where it was cut to k tokens.</param>
/// <param name="Text">Text of exactly these ids.</param>
/// <param name="Ids">Token ids of the policy's tokenizer.</param>
internal sealed record CutPrompt(string Id, string Text, IReadOnlyList<int> Ids);

/// <summary>Tokens kept of a source text.</summary>
/// <param name="Min">Fewest tokens. Range 1 to <paramref name="Max"/>.</param>
/// <param name="Max">Most tokens. Range 1 to 512.</param>
internal sealed record CutRange(int Min, int Max)
{
    /// <summary>This value, or an error that names the setting out of range.</summary>
    public CutRange Validated() =>
        Min >= 1 && Max <= 512 && Min <= Max
            ? this
            : throw new BadInputException($"The cut is {Min}-{Max} tokens; it must be min-max with 1 <= min <= max <= 512, e.g. 2-8.");

    /// <summary>Reads "2-8" or "5".</summary>
    public static CutRange Parse(string text)
    {
        string[] ends = text.Split('-', 2);
        bool read = int.TryParse(ends[0], out int min) & int.TryParse(ends[^1], out int max);
        return read
            ? new CutRange(min, max).Validated()
            : throw new BadInputException($"'{text}' is not a cut; write min-max tokens, e.g. 2-8.");
    }
}
