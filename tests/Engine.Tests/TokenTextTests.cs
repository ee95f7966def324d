using Rudder.Checkpoints;
using Rudder.Engine.Registry;

namespace Rudder.Engine.Tests;

/// <summary>With a tokenizer of single bytes and few merges, so that characters are spread over tokens.</summary>
public sealed class TokenTextTests : IDisposable
{
    private const int Vocabulary = 300;
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-token-text-").FullName;
    private readonly LoadedModel _model;
    private readonly ModelLease _lease;

    public TokenTextTests()
    {
        BpeTraining.Train(["a plain text about nothing much, and again a plain text"], 262, ["<|endoftext|>"], _folder, TokenizerFamily.Gpt2);
        _model = new LoadedModel
        {
            Description = new ModelDescription("m", new ModelSource("m", _folder), "f", Vocabulary, 64),
            Tokenizer = TextTokenizer.Load(_folder),
        };
        _lease = new ModelLease(_model);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Append_CharacterOverSeveralTokens_ComesWithItsLast()
    {
        int[] ids = _model.Tokenizer!.Encode("é😀");
        var text = new TokenText(_lease);
        string[] pieces = [.. ids.Select(text.Append)];

        Assert.Equal(6, ids.Length);
        Assert.Equal(["", "é", "", "", "", "😀"], pieces);
        Assert.Equal(2, text.Characters);
        Assert.Equal("", text.Flush());
    }

    [Fact]
    public void Append_AnyIds_PiecesAreTheTextOfAllAtOnce()
    {
        var random = new Random(5);
        for (int round = 0; round < 200; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(Vocabulary))];
            var text = new TokenText(_lease);
            string pieces = string.Concat(ids.Select(text.Append)) + text.Flush();

            Assert.Equal(_model.Decode(ids), pieces);
            Assert.Equal(pieces.EnumerateRunes().Count(), text.Characters);
        }
    }

    [Fact]
    public void Show_EveryKindOfId_IsTextBytesNameOrNumber()
    {
        int[] accented = _model.Tokenizer!.Encode("é");

        Assert.Equal("a", TokenText.Show(_lease, _model.Tokenizer.Encode("a")[0]));
        Assert.Equal(@"bytes:\xc3", TokenText.Show(_lease, accented[0]));
        Assert.Equal(@"bytes:\xa9", TokenText.Show(_lease, accented[1]));
        Assert.Equal("<|endoftext|>", TokenText.Show(_lease, _model.Tokenizer.SpecialTokens["<|endoftext|>"]));
        Assert.Equal("token_id:299", TokenText.Show(_lease, 299));
    }
}
