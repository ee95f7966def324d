using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Generation;

/// <summary>Input ids, positions and mask of several prompt tokens per row, right-padded.</summary>
internal sealed class PromptInput : IDisposable
{
    private readonly NativeBuffer<long> _ids;                // [B,T]
    private readonly NativeBuffer<long> _positions;          // [B,T]
    private readonly NativeBuffer<long> _mask;               // [B,total]
    private readonly int _tokens;
    private readonly int _maskWidth;

    /// <summary>Allocates zeroed memory.</summary>
    /// <param name="rows">B.</param>
    /// <param name="tokens">T, the longest row.</param>
    /// <param name="maskWidth">T; for a graph with the cache as input, T plus the cached tokens of a row.</param>
    public PromptInput(int rows, int tokens, int maskWidth)
    {
        (Rows, _tokens, _maskWidth) = (rows, tokens, maskWidth);
        _ids = new NativeBuffer<long>((long)rows * tokens);
        _positions = new NativeBuffer<long>((long)rows * tokens);
        _mask = new NativeBuffer<long>((long)rows * maskWidth);
    }

    /// <summary>B.</summary>
    public int Rows { get; }

    /// <summary>Writes one row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="ids">Its tokens, at most T.</param>
    /// <param name="firstPosition">Tokens already in the row; this is the position of the first new token.</param>
    public void Fill(int row, ReadOnlySpan<int> ids, int firstPosition)
    {
        var places = _ids.Span((long)row * _tokens, _tokens);
        var positions = _positions.Span((long)row * _tokens, _tokens);
        for (int t = 0; t < ids.Length; t++)
        {
            places[t] = ids[t];
            positions[t] = firstPosition + t;
        }

        _mask.Span((long)row * _maskWidth, Math.Min(_maskWidth, firstPosition + ids.Length)).Fill(1);
    }

    /// <summary>Passes the tensors to a run of the decoder.</summary>
    public void Bind(GraphBinding binding)
    {
        binding.Input("input_ids", _ids.View(0, Rows, _tokens));
        binding.Input("position_ids", _positions.View(0, Rows, _tokens));
        binding.Input("attention_mask", _mask.View(0, Rows, _maskWidth));
    }

    public void Dispose()
    {
        _ids.Dispose();
        _positions.Dispose();
        _mask.Dispose();
    }
}
