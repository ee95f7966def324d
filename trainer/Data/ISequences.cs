namespace Rudder.Trainer.Data;

/// <summary>Token sequences to learn from, by index.</summary>
internal interface ISequences
{
    /// <summary>Number of sequences.</summary>
    int Count { get; }

    /// <summary>Length of a sequence in tokens.</summary>
    int LengthOf(int index);

    /// <summary>Place of the first token to learn, at least 1: the tokens before it are only read.</summary>
    int LearnedFrom(int index) => 1;

    /// <summary>Tokens of a sequence that are learned.</summary>
    int LearnedOf(int index) => LengthOf(index) - LearnedFrom(index);

    /// <summary>The ids of a sequence.</summary>
    ReadOnlySpan<int> Row(int index);

    /// <summary>The sequence's name in messages.</summary>
    string NameOf(int index);
}
