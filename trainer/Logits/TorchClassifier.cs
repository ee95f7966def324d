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
    private readonly ISequenceClassifier _model;

    /// <summary>Loads the model.</summary>
    public TorchClassifier(string folder)
    {
        _model = ModelFolder.Load<ISequenceClassifier>(folder, CPU, dropout: 0);
        _model.eval();
    }

    /// <summary>Label logits of each sequence, in order.</summary>
    /// <returns>[N][L]</returns>
    public float[][] Logits(IReadOnlyList<int[]> rows) => Logits(_model, rows);

    /// <summary>Label logits of each sequence under any classifier, in order; sequences of similar length go through the model together.</summary>
    /// <returns>[N][L]</returns>
    public static float[][] Logits(ISequenceClassifier model, IReadOnlyList<int[]> rows)
    {
        int padding = model.Config.PadId ?? throw new CheckpointException($"The classifier's config.json has no pad_token_id, which fills short rows. Add it (1 in the published models).");
        float[][] result = new float[rows.Count][];
        int[] lengths = [.. rows.Select(row => row.Length)];
        using var quiet = no_grad();
        foreach (int[] batch in MicroBatcher.Split(lengths, lengths, MaxTokens, long.MaxValue))
        {
            using var scope = NewDisposeScope();
            int[][] part = [.. batch.Select(index => rows[index])];
            bool padded = part.Any(row => row.Length != part[0].Length || row.Contains(padding));
            float[] logits = model.Logits(Collator.Pad(part, padding, model.Device), padded).cpu().contiguous().data<float>().ToArray(); // [B,L]
            int labels = model.Config.Labels.Count;
            for (int i = 0; i < batch.Length; i++)
            {
                result[batch[i]] = logits[(i * labels)..((i + 1) * labels)];
            }
        }

        return result;
    }

    public void Dispose() => _model.Dispose();
}
