using System.Buffers;
using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Attention within whole sequences, without a cache: softmax(q·kᵀ/√d)·v, head by head, the products by <see cref="HeadProduct"/>.
/// Scores of six queries at a time are held, never those of a whole sequence.
/// </summary>
/// <remarks>
/// Inputs: queries, keys and values side by side, [B,T,3W], or [B·T,3W] where there is a mask; optionally a mask, [B,T], ones and
/// then zeros; a factor of each row, [B·T], and a bias, [3W]. Output: as the first input with W numbers a row; [B,W] where only first
/// tokens are wanted. Attributes: heads; causal, 1 where a token sees itself and those before it, 0 where it sees the whole sequence;
/// first, 1 where only each sequence's first token is wanted; threads, of the session. A token's numbers depend on its own sequence alone; those of masked tokens are zeros.
/// </remarks>
/// <param name="heads">Attention heads.</param>
/// <param name="causal">Whether a token sees no later one.</param>
/// <param name="first">Whether only first tokens are wanted.</param>
/// <param name="threads">Most workers, each with memory of its own.</param>
internal sealed unsafe class SequenceAttention(int heads, bool causal, bool first, int threads) : IKernel
{
    /// <summary>Name of the attribute that says whether only first tokens are wanted.</summary>
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
            Rows = new QkvRows { Qkv = qkv, Factors = call.OptionalInput<float>(2, rows), Bias = call.OptionalInput<float>(3, columns), Width = width },
            Mask = mask, Output = first ? call.Output<float>(0, sequences, width) : call.OutputLike<float>(0, 0, width),
            Tokens = length, Heads = heads, Units = checked(sequences * heads), Causal = causal, First = first,
        };
        Run(call, &work, new HeadMemory(length, size), Math.Min(work.Units, threads));
    }

    /// <summary>As many workers as the session has threads take heads until none is left, each with its own memory.</summary>
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
            new HeadAttention(work->Rows, work->Sizes, memory, (long)sequence * work->Tokens, unit % work->Heads, length).Run(
                work->Output + ((long)sequence * (work->First ? 1 : work->Tokens) * work->Rows.Width), work->First ? 1 : work->Tokens, work->Causal);
        }
    }

    private struct Work
    {
        public QkvRows Rows;
        public HeadMemory Sizes;
        public int* Mask;
        public float* Output, Memory;
        public int Tokens, Heads, Units, Taken;
        public bool Causal, First;
    }
}
