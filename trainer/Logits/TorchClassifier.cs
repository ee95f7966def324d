using Rudder.Checkpoints;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Logits;

/// <summary>A classifier on TorchSharp as a source of label logits; dropout is off.</summary>
internal sealed class TorchClassifier : ILabelLogits
{
    private readonly ISequenceClassifier model;
    private readonly int paddingId;

    /// <summary>Loads the model.</summary>
    public TorchClassifier(string folder)
    {
        model = ModelFolder.Load<ISequenceClassifier>(folder, CPU, dropout: 0);
        model.eval();
        paddingId = model.Config.PadId ?? throw new CheckpointException($"{folder}/config.json has no pad_token_id, which fills short rows. Add it (1 in the published models).");
    }

    /// <inheritdoc/>
    public float[][] Logits(IReadOnlyList<int[]> rows)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        bool padded = rows.Any(row => row.Length != rows[0].Length || row.Contains(paddingId));
        Tensor logits = model.Logits(Collator.Pad(rows, paddingId, CPU), padded);           // [B,L]
        return [.. logits.contiguous().data<float>().ToArray().Chunk(model.Config.Labels.Count)];
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
