using Rudder.Datasets;

namespace Rudder.Client.Pairs;

/// <summary>Pairs of texts that people have ranked.</summary>
/// <param name="Files">JSON lines, plain or .gz, read in this order.</param>
/// <param name="Format">What a line holds.</param>
/// <param name="Skip">Usable pairs left out at the start. Default 0.</param>
/// <param name="Take">Pairs wanted after them; 0 takes all.</param>
internal sealed record PairTexts(IReadOnlyList<string> Files, PairTextFormat Format = PairTextFormat.Texts, int Skip = 0, int Take = 0)
{
    /// <summary>Id, prompt, chosen and rejected completion of each pair.</summary>
    /// <exception cref="BadInputException">A file is missing, or fewer pairs than wanted can be used.</exception>
    public IReadOnlyList<(string Id, string Prompt, string Chosen, string Rejected)> Read()
    {
        BadInputException.Unless(Take >= 0 && Skip >= 0, $"texts.take is {Take} and texts.skip is {Skip}; neither can be negative.");
        string? missing = Files.FirstOrDefault(file => !File.Exists(file));
        BadInputException.Unless(missing is null, $"The pair file {missing} does not exist.");
        IEnumerable<(string, string, string, string)> pairs = Files.SelectMany(file => Format == PairTextFormat.Dialogues
            ? DialoguePairs.Read(file).OfType<DialoguePair>().Select(pair => (pair.Id, pair.Prompt, pair.Chosen, pair.Rejected))
            : CounterfactualPairs.Read(file).Select(pair => (pair.Id, pair.Prompt, pair.Chosen, pair.Rejected)));
        (string, string, string, string)[] read = [.. pairs.Skip(Skip).Take(Take == 0 ? int.MaxValue : Take)];
        return read.Length > 0 && (Take == 0 || read.Length == Take)
            ? read
            : throw new BadInputException(
                $"{string.Join(", ", Files)} give {read.Length} pairs after the first {Skip}; {Math.Max(Take, 1)} are wanted. Lower take or skip.");
    }
}

/// <summary>What a line of a file of text pairs holds.</summary>
internal enum PairTextFormat
{
    /// <summary>{"prompt", "chosen", "rejected", "id"}: completions of one prompt.</summary>
    Texts,

    /// <summary>{"chosen", "rejected"}: whole dialogues that differ in the last answer.</summary>
    Dialogues,
}
