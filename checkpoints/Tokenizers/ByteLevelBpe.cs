using Microsoft.ML.Tokenizers;

namespace Rudder.Checkpoints;

/// <summary>Byte-level BPE as GPT-2 and RoBERTa use it, by Microsoft.ML.Tokenizers.</summary>
internal sealed class ByteLevelBpe : ITextEncoder
{
    private readonly BpeTokenizer _bpe;
    private readonly AddedTokenSplitter _splitter;
    private readonly Lazy<AddedTokenSplitter> _plainSplitter; // special tokens are text for it
    private readonly bool _addPrefixSpace;

    /// <summary>Builds the tables.</summary>
    /// <exception cref="CheckpointException">Merges and vocabulary do not belong together.</exception>
    public ByteLevelBpe(TokenizerParts parts, bool addPrefixSpace)
    {
        _addPrefixSpace = addPrefixSpace;
        _splitter = new AddedTokenSplitter(parts.Added);
        _plainSplitter = new Lazy<AddedTokenSplitter>(() => new AddedTokenSplitter([.. parts.Added.Where(token => !token.Special)]));
        try
        {
            _bpe = BpeTokenizer.Create(new BpeOptions(parts.Vocabulary)
            {
                Merges = parts.Merges,
                ByteLevel = true,
                PreTokenizer = Gpt2PreTokenizer.Instance,
            });
        }
        catch (InvalidOperationException e)
        {
            throw new CheckpointException($"{parts.File}: merges and vocabulary do not belong together ({e.Message}). Fetch both again.", e);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool specialTokens)
    {
        var ids = new List<int>((text.Length / 3) + 4);
        (specialTokens ? _splitter : _plainSplitter.Value).Split(
            text,
            part => ids.AddRange(_bpe.EncodeToIds(_addPrefixSpace && part[0] != ' ' ? " " + part : part)),
            ids.Add);
        return ids;
    }
}
