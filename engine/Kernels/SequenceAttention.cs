using System.Buffers;
using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Operator: attention within whole sequences, without a cache: softmax(q·kᵀ/√d)·v per head, with products by <see cref="HeadProduct"/>.
/// It holds the scores of six queries at a time, never those of a whole sequence.
/// </summary>
/// <remarks>
/// Inputs: queries, keys and values side by side, [B,T,3W], or [B·T,3W] with a mask; optionally a mask [B,T] of ones followed by
/// zeros, a factor per row [B·T], and a bias [3W]. Output: the shape of the first input with W numbers per row, or [B,W] for first tokens
/// only. Attributes: heads; causal, 1 if a token attends only to itself and earlier tokens, 0 if it attends to the whole sequence;
/// first, 1 to compute only the first token of each sequence; threads, of the session. A token's result depends only on its own
/// sequence; results of masked tokens are zeros.
/// </remarks>
/// <param name="heads">Number of attention heads.</param>
/// <param name="causal">Whether a token attends only to itself and earlier tokens.</param>
/// <param name="first">Whether to compute only first tokens.</param>
/// <param name="threads">Maximum workers, each with its own memory.</param>
internal sealed unsafe class SequenceAttention(int heads, bool causal, bool first, int threads) : IKernel
{
    /// <summary>Name of the attribute that requests only first tokens.</summary>
    public const string First = "first";

    /// <summary>The operator.</summary>
    public static readonly OperatorDefinition Operator = new(
        "SequenceAttention",
        [
            new(ElementType.Float), new(ElementType.Int32, Optional: true),
            new(ElementType.Float, Optional: true), new(ElementType.Float, Optional: true),
        ],
        [ElementType.Float],
        attributes => new SequenceAttention(
            checked((int)attributes.Integer("heads\0"u8)),
            attributes.Integer("causal\0"u8) != 0,
            attributes.Integer("first\0"u8) != 0,
            checked((int)attributes.Integer("threads\0"u8))));

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* qkv = call.Matrix<float>(0, out int rows, out int columns);
        int* mask = call.OptionalMatrix<int>(1, out int sequences, out int length);
        if (mask is null)
        {
            length = checked((int)call.Axis(0, fromEnd: 2));
            sequences = rows / Math.Max(1, length);
        }

        int width = columns / 3, size = width / Math.Max(1, heads);
        if (columns % 3 != 0 || heads < 1 || width % heads != 0 || (long)sequences * length != rows)
        {
            throw new InvalidOperationException($"attention of {heads} heads got {rows} rows of {columns} numbers for {sequences} sequences of {length} tokens.");
        }

        CheckMask(mask, sequences, length);
        var work = new Work
        {
            Rows = QkvRows.SideBySide(qkv, call.OptionalInput<float>(2, rows), call.OptionalInput<float>(3, columns), width), Width = width,
            Mask = mask, Output = first ? call.Output<float>(0, sequences, width) : call.OutputLike<float>(0, 0, width),
            Tokens = length, Heads = heads, Units = checked(sequences * heads), Causal = causal, First = first,
        };
        Run(call, &work, new HeadMemory(length, size), Math.Min(work.Units, threads));
    }

    /// <summary>Starts one worker per session thread; the workers take heads until none is left, each with its own memory.</summary>
    private static void Run(KernelCall call, Work* work, HeadMemory sizes, int workers)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(checked((workers * sizes.Floats) + HeadMemory.Alignment));
        try
        {
            fixed (float* memory = rented)
            {
                work->Memory = HeadMemory.Align(memory);
                work->Sizes = sizes;
                call.For(workers, &Worker, work);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    private static void CheckMask(int* mask, int sequences, int length)
    {
        for (int sequence = 0; mask is not null && sequence < sequences; sequence++, mask += length)
        {
            var row = new ReadOnlySpan<int>(mask, length);
            if (row[Ones(mask, length)..].ContainsAnyExcept(0))
            {
                throw new InvalidOperationException($"the mask of sequence {sequence} is not ones and then zeros; attention takes no other.");
            }
        }
    }

    private static int Ones(int* mask, int length)
    {
        int other = new ReadOnlySpan<int>(mask, length).IndexOfAnyExcept(1);
        return other < 0 ? length : other;
    }

    [UnmanagedCallersOnly]
    private static void Worker(void* state, nuint index)
    {
        var work = (Work*)state;
        float* memory = work->Memory + ((long)index * work->Sizes.Floats);
        for (int unit = Interlocked.Increment(ref work->Taken) - 1; unit < work->Units; unit = Interlocked.Increment(ref work->Taken) - 1)
        {
            int sequence = unit / work->Heads;
            int length = work->Mask is null ? work->Tokens : Ones(work->Mask + ((long)sequence * work->Tokens), work->Tokens);
            new HeadAttention(work->Rows, work->Width, work->Sizes, memory, (long)sequence * work->Tokens, unit % work->Heads, length).Run(
                work->Output + ((long)sequence * (work->First ? 1 : work->Tokens) * work->Width), work->First ? 1 : work->Tokens, work->Causal);
        }
    }

    private struct Work
    {
        public QkvRows Rows;
        public HeadMemory Sizes;
        public int* Mask;
        public float* Output, Memory;
        public int Tokens, Heads, Units, Taken, Width;
        public bool Causal, First;
    }
}
