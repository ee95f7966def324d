using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;

namespace Rudder.Benchmarks;

/// <summary>The simplest classifier loop: batches of texts in file order, with all windows padded to the longest of the batch.</summary>
internal sealed class NaiveClassifier
{
    private readonly InferenceSession _session;
    private readonly int _padId;
    private readonly List<int[][]> _batches = [];

    /// <summary>Cuts the texts into windows and the windows into batches.</summary>
    /// <param name="session">The classifier's graph.</param>
    /// <param name="folder">Its model folder, which names the special ids.</param>
    /// <param name="texts">Ids without special tokens.</param>
    /// <param name="textsPerBatch">Number of texts in one batch.</param>
    public NaiveClassifier(InferenceSession session, string folder, int[][] texts, int textsPerBatch)
    {
        _session = session;
        var config = ModelConfig.Load<RobertaConfig>(folder);
        (int begin, int end) = (config.BosId ?? 0, config.EosId ?? 2);
        _padId = config.PadId ?? 1;
        foreach (int[][] batch in texts.Chunk(textsPerBatch))
        {
            _batches.Add([.. batch.SelectMany(ids => ids.Chunk(config.Context - 2)).Select(window => (int[])[begin, .. window, end])]);
        }
    }

    /// <summary>All windows in file order.</summary>
    public int[][] Windows => [.. _batches.SelectMany(batch => batch)];

    /// <summary>Number of windows in each batch.</summary>
    public IEnumerable<int> BatchSizes => _batches.Select(batch => batch.Length);

    /// <summary>Returns the label logits of every window.</summary>
    public float[][] Run() => [.. _batches.SelectMany(batch => RunBatch(batch))];

    private float[][] RunBatch(int[][] windows)
    {
        int width = windows.Max(window => window.Length);
        long[] ids = new long[windows.Length * width];
        long[] mask = new long[ids.Length];
        Array.Fill(ids, _padId);
        for (int b = 0; b < windows.Length; b++)
        {
            for (int t = 0; t < windows[b].Length; t++)
            {
                ids[(b * width) + t] = windows[b][t];
                mask[(b * width) + t] = 1;
            }
        }

        using var idsValue = OrtValue.CreateTensorValueFromMemory(ids, [windows.Length, width]);
        using var maskValue = OrtValue.CreateTensorValueFromMemory(mask, [windows.Length, width]);
        using var options = new RunOptions();
        using var outputs = _session.Run(options, ["input_ids", "attention_mask"], [idsValue, maskValue], ["logits"]);
        float[] logits = outputs[0].GetTensorDataAsSpan<float>().ToArray();   // [B,L]
        return [.. logits.Chunk(logits.Length / windows.Length)];
    }
}
