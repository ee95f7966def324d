namespace Rudder.Checkpoints;

/// <summary>The special tokens of a tokenizer and their ids.</summary>
public enum TokenizerFamily
{
    /// <summary>Bytes and merges first, <c>&lt;|endoftext|&gt;</c> last; it begins and ends texts.</summary>
    Gpt2,

    /// <summary>
    /// <c>&lt;s&gt;</c> 0, <c>&lt;pad&gt;</c> 1, <c>&lt;/s&gt;</c> 2, <c>&lt;unk&gt;</c> 3, bytes and merges, <c>&lt;mask&gt;</c> last.
    /// </summary>
    Roberta,
}
