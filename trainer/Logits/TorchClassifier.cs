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
    private readonly int _paddingId;

    /// <summary>Loads the model.</summary>
    public TorchClassifier(string folder)
    {
        _model = ModelFolder.Load<ISequenceClassifier>(folder, CPU, dropout: 0);
        _model.eval();
        _paddingId = _model.Config.PadId ?? throw new CheckpointException($"{folder}/config.json has no pad_token_id, which fills short rows. Add it (1 in the published models).");
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

    public void Dispose() => _model.Dispose();

    private float[][] Run(int[][] rows)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        bool padded = rows.Any(row => row.Length != rows[0].Length || row.Contains(_paddingId));
        Tensor logits = _model.Logits(Collator.Pad(rows, _paddingId, CPU), padded);           // [B,L]
        return [.. logits.contiguous().data<float>().ToArray().Chunk(_model.Config.Labels.Count)];
    }
}
