using System.Numerics.Tensors;

namespace Rudder.Engine.Kernels;

/// <summary>Attention of one head of one sequence: lays out its keys and values, then takes six queries at a time.</summary>
/// <param name="rows">Queries, keys and values.</param>
/// <param name="width">W, the numbers of an output row.</param>
/// <param name="sizes">Layout of the memory.</param>
/// <param name="memory">Scratch memory of this worker.</param>
/// <param name="start">First row of the sequence.</param>
/// <param name="head">The head.</param>
/// <param name="length">Tokens of the sequence, excluding padding.</param>
internal readonly unsafe struct HeadAttention(QkvRows rows, int width, HeadMemory sizes, float* memory, long start, int head, int length)
{
    private const int Columns = HeadProduct.Columns;

    private readonly float* _keys = memory;                                  // [panels,E,64]
    private readonly float* _values = memory + sizes.Values;                 // [panels,T,64]
    private readonly float* _queries = memory + sizes.Queries;               // [6,E]
    private readonly float* _scores = memory + sizes.Scores;                 // [6,T]
    private readonly float* _context = memory + sizes.Context;               // [6,E]

    /// <summary>Computes the head.</summary>
    /// <param name="output">Output rows of the sequence, [queries,W].</param>
    /// <param name="queries">Number of queries, from the first token on; rows past the sequence's length become zeros.</param>
    /// <param name="causal">Whether a token attends only to itself and earlier tokens.</param>
    public void Run(float* output, int queries, bool causal)
    {
        int computed = Math.Min(queries, length), column = head * sizes.HeadSize;
        LayOut();
        for (int query = 0; query < computed; query += HeadProduct.Rows)
        {
            int count = Math.Min(HeadProduct.Rows, computed - query);
            Attend(query, count, causal);
            for (int row = 0; row < count; row++)
            {
                new ReadOnlySpan<float>(_context + (row * sizes.HeadStride), sizes.HeadSize)
                    .CopyTo(new Span<float>(output + ((long)(query + row) * width) + column, sizes.HeadSize));
            }
        }

        for (int row = computed; row < queries; row++)
        {
            new Span<float>(output + ((long)row * width) + column, sizes.HeadSize).Clear();
        }
    }

    /// <summary>Lays out transposed keys in panels of 64 tokens and values in panels of 64 numbers. Products ignore the rest.</summary>
    private void LayOut()
    {
        int size = sizes.HeadSize, offset = head * size;
        for (int token = 0; token < length; token++)
        {
            rows.Read(rows.Keys, start + token, offset, size, _context);
            float* key = _keys + ((long)(token / Columns) * size * Columns) + (token % Columns);
            for (int i = 0; i < size; i++)
            {
                key[i * Columns] = _context[i];
            }

            for (int part = 0; part < size; part += Columns)
            {
                float* value = _values + ((((long)(part / Columns) * sizes.Tokens) + token) * Columns);
                rows.Read(rows.Values, start + token, offset + part, Math.Min(Columns, size - part), value);
            }
        }
    }

    private void Attend(int query, int count, bool causal)
    {
        int size = sizes.HeadSize, seen = causal ? query + count : length;
        for (int row = 0; row < HeadProduct.Rows; row++)
        {
            // Rows past the last query repeat it; their results are ignored.
            var place = rows.Read(rows.Queries, start + query + Math.Min(row, count - 1), head * size, size, _queries + (row * size));
            TensorPrimitives.Multiply(place, 1f / MathF.Sqrt(size), new Span<float>(_queries + (row * size), size));
        }

        for (int key = 0; key < seen; key += Columns)
        {
            HeadProduct.Multiply(_queries, size, _keys + ((long)key * size), size, _scores + key, sizes.ScoreStride);
        }

        float* scales = stackalloc float[HeadProduct.Rows];
        for (int row = 0; row < HeadProduct.Rows; row++)
        {
            float* scores = _scores + ((long)row * sizes.ScoreStride);
            int own = causal ? Math.Min(query + row + 1, seen) : seen;
            scales[row] = 1 / Vectors.Exponentials(scores, own);
            new Span<float>(scores + own, seen - own).Clear();
        }

        for (int part = 0; part < size; part += Columns)
        {
            HeadProduct.Multiply(_scores, sizes.ScoreStride, _values + ((long)part * sizes.Tokens), seen, _context + part, sizes.HeadStride);
        }

        for (int row = 0; row < count; row++)
        {
            var context = new Span<float>(_context + (row * sizes.HeadStride), size);
            TensorPrimitives.Multiply(context, scales[row], context);
        }
    }
}
