using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Generation;

/// <summary>Ids, positions and mask of several prompt tokens a row, padded on the right.</summary>
internal sealed class PromptInput : IDisposable
{
    private readonly NativeBuffer<long> _ids;                // [B,T]
    private readonly NativeBuffer<long> _positions;          // [B,T]
    private readonly NativeBuffer<long> _mask;               // [B,total]
    private readonly int _tokens;
    private readonly int _maskWidth;

    /// <summary>Allocates zeros.</summary>
    /// <param name="rows">B.</param>
    /// <param name="tokens">T, the longest row.</param>
    /// <param name="maskWidth">T, and where the graph has the cache also the tokens of a row that are in it.</param>
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
    /// <param name="ids">Its tokens, T at most.</param>
    /// <param name="firstPosition">Tokens it holds already: the first one's position.</param>
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

    /// <summary>Gives the memory to a run of the decoder.</summary>
    public void Bind(GraphBinding binding)
    {
        binding.Input("input_ids", _ids.View(0, Rows, _tokens));
        binding.Input("position_ids", _positions.View(0, Rows, _tokens));
        binding.Input("attention_mask", _mask.View(0, Rows, _maskWidth));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ids.Dispose();
        _positions.Dispose();
        _mask.Dispose();
    }
}
