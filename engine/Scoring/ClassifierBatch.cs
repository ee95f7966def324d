using System.Numerics;
using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Scoring;

/// <summary>Reusable buffers of a classifier's runs: padded ids, mask and logits. They grow to the largest run.</summary>
/// <param name="labels">L.</param>
/// <param name="padId">Padding id.</param>
internal sealed class ClassifierBatch(int labels, int padId) : IDisposable
{
    private static readonly string[] InputNames = ["input_ids", "attention_mask"];
    private static readonly string[] OutputNames = ["logits"];
    private NativeBuffer<long> _ids = new(1);                // [B,T]
    private NativeBuffer<long> _mask = new(1);               // [B,T]
    private NativeBuffer<float> _logits = new(1);            // [B,L]

    /// <summary>Runs the graph on some windows.</summary>
    /// <param name="session">The classifier's session.</param>
    /// <param name="options">Options of the run.</param>
    /// <param name="windows">Id sequences.</param>
    /// <param name="rows">Indices of the windows to run, longest first.</param>
    /// <returns>Logits [B,L], valid until the next run.</returns>
    public ReadOnlySpan<float> Run(InferenceSession session, RunOptions options, IReadOnlyList<int[]> windows, int[] rows)
    {
        int width = windows[rows[0]].Length;
        Fill(windows, rows, width);
        using var ids = _ids.View(0, rows.Length, width);
        using var mask = _mask.View(0, rows.Length, width);
        using var logits = _logits.View(0, rows.Length, labels);
        session.Run(options, InputNames, [ids, mask], OutputNames, [logits]);
        return _logits.Span(0, rows.Length * labels);
    }

    public void Dispose()
    {
        _ids.Dispose();
        _mask.Dispose();
        _logits.Dispose();
    }

    private void Fill(IReadOnlyList<int[]> windows, int[] rows, int width)
    {
        int cells = rows.Length * width;
        Grow(ref _ids, cells);
        Grow(ref _mask, cells);
        Grow(ref _logits, rows.Length * labels);
        var ids = _ids.Span(0, cells);
        var mask = _mask.Span(0, cells);
        ids.Fill(padId);
        mask.Clear();
        for (int b = 0; b < rows.Length; b++)
        {
            int[] window = windows[rows[b]];
            mask.Slice(b * width, window.Length).Fill(1);
            for (int t = 0; t < window.Length; t++)
            {
                ids[(b * width) + t] = window[t];
            }
        }
    }

    private static void Grow<T>(ref NativeBuffer<T> buffer, int length)
        where T : unmanaged
    {
        if (buffer.Length < length)
        {
            var larger = new NativeBuffer<T>(BitOperations.RoundUpToPowerOf2((uint)length));
            buffer.Dispose();
            buffer = larger;
        }
    }
}
