namespace Rudder.Checkpoints.Tests;

/// <summary>Learned merges derived by hand, the families' layouts, and files that do not depend on anything but the texts.</summary>
public class BpeTrainingTests
{
    [Fact]
    public void Train_WordsWithKnownCounts_LearnsTheMergesInOrder()
    {
        using var folder = new TemporaryFolder();
        // hug 10, pug 5, pun 12, bun 4, hugs 5: ug 20, un 16, hug 15, pun 12, then pug and hugs both 5: 'p' has the smaller id.
        string[] texts = [.. Words(("hug", 10), ("pug", 5), ("pun", 12), ("bun", 4), ("hugs", 5))];

        BpeTraining.Train(texts, 256 + 7 + 1, [], folder.Path, TokenizerFamily.Gpt2);

        Assert.Equal(
            ["#version: 0.2", "u g", "u n", "h ug", "p un", "p ug", "hug s", "b un"], File.ReadAllLines(folder.File("merges.txt")));
    }

    [Fact]
    public void Train_PairsOfEqualCount_MergesTheSmallerIdsFirst()
    {
        using var folder = new TemporaryFolder();

        BpeTraining.Train(Words(("xy", 3), ("ac", 3), ("ab", 3)), 260, [], folder.Path, TokenizerFamily.Gpt2);

        Assert.Equal(["#version: 0.2", "a b", "a c", "x y"], File.ReadAllLines(folder.File("merges.txt")));
    }

    [Fact]
    public void Train_Gpt2Family_PutsEndOfTextLast()
    {
        using var folder = new TemporaryFolder();

        BpeTraining.Train(Words(("hug", 3)), 260, ["<|user|>"], folder.Path, TokenizerFamily.Gpt2);

        var tokenizer = TextTokenizer.Load(folder.Path)!;
        Assert.Equal((260, 259), (tokenizer.VocabularySize, tokenizer.EosId!.Value));
        Assert.Equal(new Dictionary<string, int> { ["<|user|>"] = 258, ["<|endoftext|>"] = 259 }, tokenizer.SpecialTokens);
        Assert.Equal([0, 32, 255], [tokenizer.Encode("!")[0], tokenizer.Encode("A")[0], tokenizer.Encode("\u00AD")[1]]);
    }

    [Fact]
    public void Train_RobertaFamily_PutsItsTokensFirstAndMaskLast()
    {
        using var folder = new TemporaryFolder();

        BpeTraining.Train(Words(("hug", 3)), 263, [], folder.Path, TokenizerFamily.Roberta);

        var tokenizer = TextTokenizer.Load(folder.Path)!;
        Assert.Equal(
            new Dictionary<string, int> { ["<s>"] = 0, ["<pad>"] = 1, ["</s>"] = 2, ["<unk>"] = 3, ["<mask>"] = 262 }, tokenizer.SpecialTokens);
        Assert.Equal(2, tokenizer.EosId);
        Assert.Equal([0, 261, 2], tokenizer.Encode("<s>hug</s>"));
    }

    [Fact]
    public void Train_SameTextsTwice_WritesTheSameBytes()
    {
        using var folder = new TemporaryFolder();
        string[] texts = [.. Enumerable.Range(0, 400).Select(i => $"the {i % 37}th of {i % 11} films, it's re{i % 5}made — ä{i % 3}")];

        BpeTraining.Train(texts, 310, [], folder.File("a"), TokenizerFamily.Gpt2);
        BpeTraining.Train(texts.Reverse(), 310, [], folder.File("b"), TokenizerFamily.Gpt2);

        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt" })
        {
            Assert.Equal(File.ReadAllBytes(folder.File($"a/{name}")), File.ReadAllBytes(folder.File($"b/{name}")));
        }
    }

    [Fact]
    public void Train_TextOutsideTheTrainingTexts_IsEncodedWithoutLoss()
    {
        using var folder = new TemporaryFolder();
        BpeTraining.Train(Words(("hug", 3)), 258, [], folder.Path, TokenizerFamily.Gpt2);
        var tokenizer = TextTokenizer.Load(folder.Path)!;
        const string text = "日本 — 🙂\r\n\0 \u0085x" + "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbhughughug";

        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void Train_TooLittleText_SaysHowFarItReaches()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<CheckpointException>(() => BpeTraining.Train(Words(("hug", 3)), 300, [], folder.Path, TokenizerFamily.Gpt2));

        Assert.Contains("at most 259 tokens", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Train_VocabularyBelowTheBytes_NamesTheLimit()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => BpeTraining.Train([], 256, [], "unused", TokenizerFamily.Gpt2));

        Assert.Contains("257", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_CancelledWhileReading_StopsAtTheNextTextAndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        int read = 0;
        IEnumerable<string> texts = Words(("hug", 1000)).Select(word =>
        {
            if (++read == 3)
            {
                stop.Cancel();
            }

            return word;
        });

        Assert.Throws<OperationCanceledException>(() => BpeTraining.Train(texts, 259, [], folder.Path, TokenizerFamily.Gpt2, stop.Token));

        Assert.Equal(3, read);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private static IEnumerable<string> Words(params (string Word, int Count)[] words) => words.SelectMany(w => Enumerable.Repeat(w.Word, w.Count));
}
