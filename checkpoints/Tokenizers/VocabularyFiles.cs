namespace Rudder.Checkpoints;

/// <summary>Reads the older <c>vocab.json</c> and <c>merges.txt</c>. They list no special tokens; the family supplies them.</summary>
internal static class VocabularyFiles
{
    private static readonly string[] RobertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    public static TokenizerParts Read(string folder)
    {
        string file = Path.Combine(folder, ModelFiles.Vocabulary);
        var vocabulary = TokenizerJson.Vocabulary(file, ConfigJson.Read(file, TokenizerJson.LargestFile).Json);
        bool roberta = RobertaTokens.All(vocabulary.ContainsKey);
        var special = (roberta ? RobertaTokens : [Gpt2EndOfText]).Where(vocabulary.ContainsKey)
            .Select(token => new AddedToken(token, vocabulary[token], StripLeft: token == "<mask>"));
        string addedFile = Path.Combine(folder, ModelFiles.AddedTokens);
        AddedToken[] added = [.. special, .. ReadAdded(addedFile, vocabulary)];
        TokenizerJson.RequireTotal(addedFile, added);
        return new TokenizerParts
        {
            File = file,
            Vocabulary = vocabulary,
            Merges = ReadMerges(Path.Combine(folder, ModelFiles.Merges)),
            Added = added,
        };
    }

    internal const string Gpt2EndOfText = "<|endoftext|>";

    private static List<string> ReadMerges(string file)
    {
        using var reader = new StreamReader(new MemoryStream(BoundedFile.Read(file, TokenizerJson.LargestFile)));
        var merges = new List<string>();
        for (int number = 0; reader.ReadLine() is { } line; number++)
        {
            bool header = number == 0 && line.StartsWith("#version", StringComparison.Ordinal);    // a later line may merge '#'
            if (line.Length > 0 && !header)
            {
                merges.Add(line);
            }
        }

        return merges;
    }

    /// <summary>The tokens of added_tokens.json that a vocabulary lacks; none if there is no such file.</summary>
    internal static IEnumerable<AddedToken> ReadAdded(string file, Dictionary<string, int> vocabulary)
    {
        if (!File.Exists(file))
        {
            yield break;
        }

        foreach (var (token, id) in TokenizerJson.Vocabulary(file, ConfigJson.Read(file, TokenizerJson.LargestFile).Json))
        {
            TokenizerJson.RequireLength(file, token);
            if (!vocabulary.ContainsKey(token))
            {
                yield return new AddedToken(token, id, Special: false);
            }
        }
    }
}
