using static TorchSharp.torch;

namespace Rudder.Trainer.Data;

/// <summary>Turns rows of ids into tensors: right-padded ids and the positions that count for the loss.</summary>
internal static class Collator
{
    /// <summary>Pads rows on the right.</summary>
    /// <returns>[B,T] int64, T the longest row.</returns>
    public static Tensor Pad(IReadOnlyList<int[]> rows, int pad, Device device)
    {
        int time = rows.Max(r => r.Length);
        var ids = new long[rows.Count * time];
        Array.Fill(ids, pad);
        for (int b = 0; b < rows.Count; b++)
        {
            for (int t = 0; t < rows[b].Length; t++)
            {
                ids[(b * time) + t] = rows[b][t];
            }
        }

        return tensor(ids, int64, device).reshape(rows.Count, time); // [B,T]
    }

    /// <summary>Inputs and next-token targets of a language-model batch.</summary>
    /// <param name="sequences">The data.</param>
    /// <param name="rows">Indices of sequences. Inputs are all tokens but the last, targets the tokens to learn.</param>
    /// <param name="device">Where the tensors go.</param>
    public static LanguageBatch NextToken(ISequences sequences, IReadOnlyList<int> rows, Device device)
    {
        int time = rows.Max(sequences.LengthOf) - 1;
        int count = rows.Sum(sequences.LearnedOf);
        var inputs = new long[rows.Count * time]; // padding is id 0: causal attention never lets a valid position see it
        var targets = new long[count];
        var places = new long[count];
        int n = 0;
        for (int b = 0; b < rows.Count; b++)
        {
            ReadOnlySpan<int> row = sequences.Row(rows[b]);
            int learned = sequences.LearnedFrom(rows[b]);
            for (int t = 0; t < row.Length - 1; t++)
            {
                inputs[(b * time) + t] = row[t];
                if (t + 1 >= learned)
                {
                    targets[n] = row[t + 1];
                    places[n++] = (b * time) + t;
                }
            }
        }

        bool dense = count == inputs.Length;
        return new LanguageBatch(
            tensor(inputs, int64, device).reshape(rows.Count, time), // [B,T]
            dense ? null : tensor(places, int64, device), // [N]
            tensor(targets, int64, device), // [N]
            count);
    }
}

/// <summary>A language-model batch.</summary>
/// <param name="Inputs">Right-padded ids, [B,T].</param>
/// <param name="Places">Flat indices b·T+t of the N positions that predict a token, [N]; null when all B·T do.</param>
/// <param name="Targets">The tokens they should predict, [N].</param>
/// <param name="Count">N.</param>
internal sealed record LanguageBatch(Tensor Inputs, Tensor? Places, Tensor Targets, int Count);
