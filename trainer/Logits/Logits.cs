namespace Rudder.Trainer.Logits;

/// <summary>A language model, whatever runs it: logits at chosen places of whole sequences.</summary>
internal interface ISequenceLogits : IDisposable
{
    /// <summary>Logits at the given places, handed over before their memory is given back.</summary>
    /// <param name="rows">Sequences of one or more tokens; padded on the right inside.</param>
    /// <param name="places">(row, position): one row of logits each, those after that position's token.</param>
    /// <param name="read">Called once with logits [places, V], row-major.</param>
    void Logits(IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> places, ReadLogits read);
}

/// <summary>A classifier, whatever runs it.</summary>
internal interface ILabelLogits : IDisposable
{
    /// <summary>One array of label logits per sequence; sequences are padded on the right inside.</summary>
    float[][] Logits(IReadOnlyList<int[]> rows);
}

/// <summary>Reads logits [places, V] while they are there.</summary>
internal delegate void ReadLogits(ReadOnlySpan<float> logits);
