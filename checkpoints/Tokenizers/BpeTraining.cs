namespace Rudder.Checkpoints;

/// <summary>Learns a byte-level BPE vocabulary from texts. The same texts give the same files, byte for byte.</summary>
public static class BpeTraining
{
    private const long LeastCount = 2; // a pair seen once is not typical of the language
    private static readonly string[] RobertaFirst = ["<s>", "<pad>", "</s>", "<unk>"];
    private const string RobertaLast = "<mask>";

    /// <summary>Learns a vocabulary and writes tokenizer.json, tokenizer_config.json, vocab.json and merges.txt.</summary>
    /// <param name="texts">The texts, enumerated once.</param>
    /// <param name="vocabularySize">Total tokens: 256 bytes, merges and special tokens.</param>
    /// <param name="specialTokens">Extra special tokens, placed before the family's last one.</param>
    /// <param name="outputFolder">The output folder; created if missing.</param>
    /// <param name="family">Determines the special tokens and their ids.</param>
    /// <param name="cancellation">Checked before each text and each merge. Nothing is written before both are done.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary is too small for the bytes and special tokens.</exception>
    /// <exception cref="CheckpointException">The texts are too few for a vocabulary of this size.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired.</exception>
    public static void Train(
        IEnumerable<string> texts,
        int vocabularySize,
        IReadOnlyList<string> specialTokens,
        string outputFolder,
        TokenizerFamily family,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(specialTokens);
        string[] first = family == TokenizerFamily.Roberta ? RobertaFirst : [];
        string lastToken = family == TokenizerFamily.Roberta ? RobertaLast : VocabularyFiles.Gpt2EndOfText;
        string[] extra = [.. specialTokens.Except([.. first, lastToken], StringComparer.Ordinal)];
        int reserved = first.Length + 256 + extra.Length + 1;
        if (vocabularySize < reserved)
        {
            throw new ArgumentOutOfRangeException(
                nameof(vocabularySize), vocabularySize, $"The 256 bytes and {reserved - 256} special tokens alone take {reserved}; ask for more.");
        }

        var counts = new WordCounts();
        foreach (string text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            counts.Add(text);
        }

        var learned = Learn(counts, vocabularySize - reserved, first, cancellation);
        int reached = learned.Vocabulary.Count + extra.Length + 1;
        if (reached < vocabularySize)
        {
            throw new CheckpointException(
                $"{outputFolder}: vocabulary of {vocabularySize} asked for; these texts support at most {reached} tokens "
                + $"(no further pair occurs {LeastCount} times). Give more text or ask for a smaller vocabulary.");
        }

        TokenizerWriter.Write(outputFolder, Complete(outputFolder, learned.Vocabulary, learned.Merges, first, [.. extra, lastToken]), family);
    }

    /// <summary>The learned tokens with the special ones that come after them.</summary>
    private static TokenizerParts Complete(
        string outputFolder, Dictionary<string, int> vocabulary, List<string> merges, string[] first, string[] after)
    {
        foreach (string token in after)
        {
            if (!vocabulary.TryAdd(token, vocabulary.Count))
            {
                throw new CheckpointException($"{outputFolder}: special token '{token}' is also a learned token. Choose another spelling.");
            }
        }

        return new TokenizerParts
        {
            File = outputFolder,
            Vocabulary = vocabulary,
            Merges = merges,
            Added = [.. first.Concat(after).Select(token => new AddedToken(token, vocabulary[token]))],
        };
    }

    private static (Dictionary<string, int> Vocabulary, List<string> Merges) Learn(
        WordCounts counts, int wanted, string[] first, CancellationToken cancellation)
    {
        List<string> tokens = [.. first, .. ByteAlphabet.InOrder.Select(c => c.ToString())];
        var idOfByte = new int[256];
        for (int b = 0; b < 256; b++)
        {
            idOfByte[b] = tokens.IndexOf(ByteAlphabet.Spell((byte)b).ToString(), first.Length);
        }

        var merging = new PairMerging(counts.InOrder().Select(w => (Array.ConvertAll(w.Word, b => idOfByte[b]), w.Count)));
        var vocabulary = tokens.Select((token, id) => (token, id)).ToDictionary(p => p.token, p => p.id, StringComparer.Ordinal);
        var merges = new List<string>(wanted);
        int enough = vocabulary.Count + wanted;
        int SymbolOf(int left, int right) => vocabulary.GetValueOrDefault(tokens[left] + tokens[right], tokens.Count);
        while (vocabulary.Count < enough && merging.MergeNext(SymbolOf, LeastCount) is var (left, right))
        {
            merges.Add($"{tokens[left]} {tokens[right]}");
            if (vocabulary.TryAdd(tokens[left] + tokens[right], tokens.Count))
            {
                tokens.Add(tokens[left] + tokens[right]);
            }

            cancellation.ThrowIfCancellationRequested();
        }

        return (vocabulary, merges);
    }
}
