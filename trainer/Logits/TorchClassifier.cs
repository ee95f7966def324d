using Rudder.Checkpoints;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Logits;

/// <summary>A classifier on TorchSharp with its label logits; dropout is off.</summary>
internal sealed class TorchClassifier : IDisposable
{
    private const int MaxTokens = 4096;
    private readonly ISequenceClassifier model;
    private readonly int paddingId;

    /// <summary>Loads the model.</summary>
    public TorchClassifier(string folder)
    {
        model = ModelFolder.Load<ISequenceClassifier>(folder, CPU, dropout: 0);
        model.eval();
        paddingId = model.Config.PadId ?? throw new CheckpointException($"{folder}/config.json has no pad_token_id, which fills short rows. Add it (1 in the published models).");
    }

    /// <summary>Label logits of each sequence, in order; sequences of similar length go through the model together.</summary>
    /// <returns>[N][L]</returns>
    public float[][] Logits(IReadOnlyList<int[]> rows)
    {
        float[][] result = new float[rows.Count][];
        int[] lengths = [.. rows.Select(row => row.Length)];
        foreach (int[] batch in MicroBatcher.Split(lengths, lengths, MaxTokens, long.MaxValue))
        {
            float[][] logits = Run([.. batch.Select(index => rows[index])]);
            for (int i = 0; i < batch.Length; i++)
            {
                result[batch[i]] = logits[i];
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();

    private float[][] Run(int[][] rows)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        bool padded = rows.Any(row => row.Length != rows[0].Length || row.Contains(paddingId));
        Tensor logits = model.Logits(Collator.Pad(rows, paddingId, CPU), padded);           // [B,L]
        return [.. logits.contiguous().data<float>().ToArray().Chunk(model.Config.Labels.Count)];
    }
}
