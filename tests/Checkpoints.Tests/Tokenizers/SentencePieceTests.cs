using System.Text;
using System.Text.Json.Nodes;
using Rudder.Tests;
using Genuine = Tokenizers.DotNet.Tokenizer;

namespace Rudder.Checkpoints.Tests;

/// <summary>A tokenizer like Llama 2's, with all that GPT-2's lacks: a normalizer, byte fallback, and a decoder that drops the first blank.</summary>
public sealed class SentencePieceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Encode_CutsPaddingAndSpecialTokensOfTheFile_AreLeftOut()
    {
        var tokenizer = Load();

        int[] ids = tokenizer.Encode("the film was good and it is of a bad");

        Assert.Equal(10, ids.Length);                       // not 4, as truncation says, nor 16, as padding says
        Assert.Equal([SentencePieceFolder.Bos, .. ids], tokenizer.WithSpecialTokens(ids));
        Assert.Equal([SentencePieceFolder.Bos, .. ids], tokenizer.WithSpecialTokens(tokenizer.WithSpecialTokens(ids)));
        Assert.Equal((SentencePieceFolder.Eos, SentencePieceFolder.Size), (tokenizer.EosId, tokenizer.VocabularySize));
    }

    [Theory]
    [InlineData("the film")]
    [InlineData(" the film")]
    [InlineData("  two blanks, and é 🙂 日本\n\tend ")]
    [InlineData("Z")]
    [InlineData("")]
    public void Decode_EncodedText_GivesItBack(string text)
    {
        var tokenizer = Load();
        int[] ids = tokenizer.Encode(text);

        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.Equal(new Genuine(_folder.File("tokenizer.json")).Decode(Array.ConvertAll(ids, id => (uint)id)), tokenizer.Decode(ids));
    }

    [Fact]
    public void Decode_Continuation_KeepsItsBlankAndEqualsTheStream()
    {
        var tokenizer = Load();
        int[] ids = tokenizer.Encode("film é");

        Assert.Equal("film é", tokenizer.Decode(ids));
        Assert.Equal(" film é", tokenizer.Decode(ids, continues: true));
        Assert.Equal(" film é", Encoding.UTF8.GetString([.. ids.SelectMany(id => tokenizer.Bytes(id).ToArray())]));
        Assert.Equal([0xC3], tokenizer.Bytes(SentencePieceFolder.FirstByte + 0xC3).ToArray());
    }

    [Fact]
    public void Encode_SpecialTokensAsText_GivesNoControlToken()
    {
        var tokenizer = Load();

        Assert.Contains(SentencePieceFolder.Eos, tokenizer.Encode("a</s>"));
        int[] plain = tokenizer.Encode("a</s>", specialTokens: false);
        Assert.DoesNotContain(SentencePieceFolder.Eos, plain);
        Assert.Equal("a</s>", tokenizer.Decode(plain));
    }

    [Fact]
    public void Load_AddedTokensInAllThreeFiles_TakesThemAll()
    {
        int next = SentencePieceFolder.Size;
        SentencePieceFolder.Write(
            _folder.Path,
            json => json["added_tokens"]!.AsArray().Add(Token(next, "<one>", special: false)),
            $$$"""{"added_tokens_decoder":{"{{{next}}}":{"content":"<one>","special":true},"{{{next + 1}}}":{"content":"<two>","special":false} } }""");
        File.WriteAllText(_folder.File("added_tokens.json"), $$"""{"<three>":{{next + 2}}}""");

        var tokenizer = TextTokenizer.Load(_folder.Path)!;

        Assert.Equal([next, next + 1, next + 2], tokenizer.Encode("<one><two><three>"));
        Assert.Equal("<two><three>", tokenizer.Decode([next, next + 1, next + 2]));      // the flags of tokenizer_config.json win
        Assert.Equal(next + 3, tokenizer.VocabularySize);
    }

    [Fact]
    public void Load_FilesThatDisagreeOnAnId_NamesTheToken()
    {
        SentencePieceFolder.Write(_folder.Path, json => json["added_tokens"]!.AsArray().Add(Token(SentencePieceFolder.Size, "<one>", special: false)));
        File.WriteAllText(_folder.File("added_tokens.json"), $$"""{"<one>":{{SentencePieceFolder.Size + 1}}}""");

        Assert.Contains("'<one>' has id", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer","bos_token":"<s>","eos_token":"</s>","add_bos_token":false,"add_eos_token":true}""", false, true)]
    [InlineData("""{"tokenizer_class":"LlamaTokenizerFast","bos_token":"<s>","eos_token":"</s>"}""", true, false)]
    [InlineData("""{"tokenizer_class":"PreTrainedTokenizerFast","bos_token":"<s>","eos_token":"</s>","add_bos_token":false}""", true, false)]
    public void WithSpecialTokens_SettingsOfAClass_FollowTransformers(string settings, bool before, bool after)
    {
        SentencePieceFolder.Write(_folder.Path, settings: settings);

        int[] ids = TextTokenizer.Load(_folder.Path)!.WithSpecialTokens([9]);

        Assert.Equal([.. before ? [1] : Array.Empty<int>(), 9, .. after ? [2] : Array.Empty<int>()], ids);
    }

    [Theory]
    [InlineData("""{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",1],"trim_offsets":true,"add_prefix_space":false}""", new[] { 1, 9, 2 })]
    [InlineData("""{"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"BertProcessing","sep":["</s>",2],"cls":["<s>",1]}]}""", new[] { 1, 9, 2 })]
    [InlineData("null", new[] { 9 })]
    public void WithSpecialTokens_OtherPostProcessors_AddWhatTheySay(string processor, int[] expected)
    {
        SentencePieceFolder.Write(_folder.Path, json => json["post_processor"] = JsonNode.Parse(processor));

        Assert.Equal(expected, TextTokenizer.Load(_folder.Path)!.WithSpecialTokens([9]));
    }

    [Theory]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false}""")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""")]
    [InlineData("""{"type":"WordPiece","prefix":"▁","cleanup":true}""")]
    [InlineData("""{"type":"WordPiece","prefix":"##","cleanup":false}""")]
    [InlineData("""{"type":"BPEDecoder","suffix":"▁"}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""")]
    [InlineData("null")]
    public void Decode_EveryKindOfDecoder_EqualsHuggingFace(string decoder)
    {
        SentencePieceFolder.Write(_folder.Path, json => json["decoder"] = JsonNode.Parse(decoder));
        var tokenizer = TextTokenizer.Load(_folder.Path)!;
        using var genuine = new Genuine(_folder.File("tokenizer.json"));
        var random = new Random(3);
        for (int round = 0; round < 200; round++)
        {
            // Any token, but no bytes that are not ASCII: see docs/model-folder.md.
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(SentencePieceFolder.Size))
                .Where(id => id is < SentencePieceFolder.FirstByte + 0x80 or >= SentencePieceFolder.FirstByte + 0x100)];

            Assert.Equal(genuine.Decode(Array.ConvertAll(ids, id => (uint)id)), tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Encode_ManyThreads_GiveTheSameIds()
    {
        var tokenizer = Load();
        string[] texts = [.. Enumerable.Range(0, 64).Select(i => string.Join(' ', Enumerable.Repeat("the film was good", i)) + (char)('a' + (i % 26)))];
        int[][] alone = [.. texts.Select(text => tokenizer.Encode(text))];

        var together = texts.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(text => tokenizer.Encode(text)).ToArray();

        Assert.Equal(alone, together);
    }

    [Fact]
    public void Encode_HalfOfASurrogatePair_IsTheReplacementCharacter()
    {
        var tokenizer = Load();

        Assert.Equal(tokenizer.Encode("a\uFFFDb"), tokenizer.Encode("a\uD800b"));
    }

    [Fact]
    public void NativeMissing_AnotherPlatform_NamesThePackageAndTheReason()
    {
        string message = HuggingFaceTokenizer.NativeMissing("f/tokenizer.json", "normalizer is 'NFC'", "linux-s390x", new DllNotFoundException()).Message;

        Assert.Contains("Tokenizers.DotNet.runtime.linux-s390x", message, StringComparison.Ordinal);
        Assert.Contains("normalizer is 'NFC'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void CopyFiles_SuchATokenizer_LoadsFromTheCopy()
    {
        Load();
        TextTokenizer.CopyFiles(_folder.Path, _folder.File("model"), context: 64);

        Assert.Equal(Load().Encode("the film é"), TextTokenizer.Load(_folder.File("model"))!.Encode("the film é"));
    }

    private static JsonNode Token(int id, string content, bool special) => new JsonObject
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = special,
    };

    private TextTokenizer Load()
    {
        SentencePieceFolder.Write(_folder.Path);
        return TextTokenizer.Load(_folder.Path)!;
    }
}
