using Microsoft.ML.OnnxRuntime;

namespace Rudder.Trainer.Logits;

/// <summary>Runs the log-prob graph: logits at chosen places of whole sequences.</summary>
/// <param name="path">The graph.</param>
/// <param name="threads">Threads of one product; 0: ONNX Runtime's choice.</param>
internal sealed class LogProbGraph(string path, int threads) : ISequenceLogits
{
    private readonly OnnxSession session = new(path, threads);

    /// <inheritdoc/>
    public void Logits(IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> places, ReadLogits read)
    {
        int width = rows.Max(row => row.Length);
        long[] ids = new long[rows.Count * width];
        for (int row = 0; row < rows.Count; row++)
        {
            for (int column = 0; column < rows[row].Length; column++)
            {
                ids[(row * width) + column] = rows[row][column];
            }
        }

        long[] positions = [.. places.Select(place => ((long)place.Row * width) + place.Position)];
        using OrtValue idTensor = OnnxSession.Tensor(ids, rows.Count, width), positionTensor = OnnxSession.Tensor(positions, positions.Length);
        var inputs = new Dictionary<string, OrtValue> { ["input_ids"] = idTensor, ["positions"] = positionTensor };
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(inputs, ["logits"]);
        read(outputs[0].GetTensorDataAsSpan<float>());
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
