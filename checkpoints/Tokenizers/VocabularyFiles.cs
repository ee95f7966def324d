namespace Rudder.Checkpoints;

/// <summary>Reads the older pair <c>vocab.json</c> and <c>merges.txt</c>, which knows no list of special tokens: the families' own are taken.</summary>
internal static class VocabularyFiles
{
    private static readonly string[] RobertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    public static TokenizerParts Read(string folder)
    {
        string file = Path.Combine(folder, ModelFiles.Vocabulary);
        var vocabulary = TokenizerJson.Vocabulary(file, ConfigJson.Read(file).Json);
        bool roberta = RobertaTokens.All(vocabulary.ContainsKey);
        var special = (roberta ? RobertaTokens : [Gpt2EndOfText]).Where(vocabulary.ContainsKey)
            .Select(token => new AddedToken(token, vocabulary[token], StripLeft: token == "<mask>"));
        return new TokenizerParts
        {
            File = file,
            Vocabulary = vocabulary,
            Merges = ReadMerges(Path.Combine(folder, ModelFiles.Merges)),
            Added = [.. special, .. ReadAdded(Path.Combine(folder, ModelFiles.AddedTokens), vocabulary)],
        };
    }

    internal const string Gpt2EndOfText = "<|endoftext|>";

    private static List<string> ReadMerges(string file)
    {
        try
        {
            // Only the first line can be the header: "#version" could not be told from a merge of '#' later on.
            return [.. File.ReadLines(file).Where((line, i) => line.Length > 0 && !(i == 0 && line.StartsWith("#version", StringComparison.Ordinal)))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{file}: cannot be read ({e.Message}). {ModelFiles.Vocabulary} needs it beside.", e);
        }
    }

    private static IEnumerable<AddedToken> ReadAdded(string file, Dictionary<string, int> vocabulary) =>
        File.Exists(file)
            ? TokenizerJson.Vocabulary(file, ConfigJson.Read(file).Json)
                .Where(p => !vocabulary.ContainsKey(p.Key))
                .Select(p => new AddedToken(p.Key, p.Value, Special: false))
            : [];
}
