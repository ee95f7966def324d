using Rudder.Tests;

namespace Rudder.Checkpoints.Tests;

/// <summary>Known tokenizations of the published vocabularies.</summary>
public class TextTokenizerTests
{
    [Theory]
    [InlineData("gpt2", "Hello world", new[] { 15496, 995 })]
    [InlineData("gpt2", "Hello, my dog is cute", new[] { 15496, 11, 616, 3290, 318, 13779 })]
    [InlineData("gpt2", "", new int[0])]
    [InlineData("gpt2", "<|endoftext|>Hello world", new[] { 50256, 15496, 995 })]
    [InlineData("roberta", "Hello world", new[] { 31414, 232 })]
    [InlineData("roberta", "<s>Hello world</s>", new[] { 0, 31414, 232, 2 })]
    [InlineData("roberta", "Hello  <mask>", new[] { 31414, 50264 })]
    public void Encode_PublishedVocabulary_GivesPublishedIds(string name, string text, int[] expected)
    {
        var tokenizer = TextTokenizer.Load(SharedFolder.Require("data", name))!;

        Assert.Equal(expected, tokenizer.Encode(text));
    }

    [Theory]
    [InlineData("Hello world")]
    [InlineData("It's 3 o'clock — we'll  go\n\n to the café 🙂 (ʼtwas) 𝐇𝐢 日本語\t\t.")]
    public void Decode_EncodedText_GivesItBack(string text)
    {
        var tokenizer = TextTokenizer.Load(SharedFolder.Require("data", "gpt2"))!;

        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }
}
