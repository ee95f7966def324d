using Microsoft.ML.OnnxRuntime;

namespace Rudder.Trainer.Logits;

/// <summary>Runs a classifier's graph over a batch of sequences.</summary>
/// <param name="path">The graph.</param>
/// <param name="threads">Threads of one product; 0: ONNX Runtime's choice.</param>
/// <param name="paddingId">Id that fills the right of shorter rows.</param>
internal sealed class ClassifierGraph(string path, int threads, int paddingId) : ILabelLogits
{
    private readonly OnnxSession session = new(path, threads);

    /// <inheritdoc/>
    public float[][] Logits(IReadOnlyList<int[]> rows)
    {
        int width = rows.Max(row => row.Length);
        long[] ids = new long[rows.Count * width], mask = new long[rows.Count * width];
        Array.Fill(ids, paddingId);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int column = 0; column < rows[row].Length; column++)
            {
                ids[(row * width) + column] = rows[row][column];
                mask[(row * width) + column] = rows[row][column] == paddingId ? 0 : 1;
            }
        }

        using OrtValue idTensor = OnnxSession.Tensor(ids, rows.Count, width), maskTensor = OnnxSession.Tensor(mask, rows.Count, width);
        var inputs = new Dictionary<string, OrtValue> { ["input_ids"] = idTensor, ["attention_mask"] = maskTensor };
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(inputs, ["logits"]);
        ReadOnlySpan<float> logits = outputs[0].GetTensorDataAsSpan<float>();
        int labels = logits.Length / rows.Count;
        float[][] result = new float[rows.Count][];
        for (int row = 0; row < rows.Count; row++)
        {
            result[row] = logits.Slice(row * labels, labels).ToArray();
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
