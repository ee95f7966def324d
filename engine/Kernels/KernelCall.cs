namespace Rudder.Engine.Kernels;

/// <summary>One run of a node: its inputs, its outputs and the session's threads.</summary>
/// <param name="context">Handle of ONNX Runtime, valid during the call.</param>
internal readonly unsafe struct KernelCall(nint context)
{
    private const int MaxRank = 8;

    /// <summary>Gets the data of an input and checks its size.</summary>
    /// <param name="index">Index of the input.</param>
    /// <param name="length">Required number of elements; the kernel does not check it again.</param>
    /// <exception cref="InvalidOperationException">The input is missing or has another number of elements.</exception>
    public T* Input<T>(int index, long length)
        where T : unmanaged => Sized<T>(Given(index), index, length);

    /// <summary>Gets the data of an optional input and checks its size; null if it is missing.</summary>
    /// <param name="index">Index of the input.</param>
    /// <param name="length">Required number of elements.</param>
    /// <exception cref="InvalidOperationException">The input has another number of elements.</exception>
    public T* OptionalInput<T>(int index, long length)
        where T : unmanaged
    {
        nint value = Value(index);
        return value == 0 ? null : Sized<T>(value, index, length);
    }

    /// <summary>Gets the data and shape of an input as a matrix; all axes but the last count as rows.</summary>
    /// <param name="index">Index of the input.</param>
    /// <param name="rows">Product of all sizes except the last.</param>
    /// <param name="columns">The last size, at least 1.</param>
    /// <exception cref="InvalidOperationException">The input is missing or its rows are empty.</exception>
    public T* Matrix<T>(int index, out int rows, out int columns)
        where T : unmanaged
    {
        nint value = Given(index);
        long* sizes = stackalloc long[MaxRank];
        int rank = Sizes(value, sizes);
        (rows, columns) = (checked((int)Product(sizes, rank - 1)), checked((int)sizes[rank - 1]));
        if (columns == 0)
        {
            throw new InvalidOperationException($"input {index} of an operator of this program has rows of no numbers.");
        }

        return Data<T>(value);
    }

    /// <summary>Gets an optional input as a matrix; null and 0 rows if it is missing.</summary>
    /// <param name="index">Index of the input.</param>
    /// <param name="rows">Product of all sizes except the last.</param>
    /// <param name="columns">The last size, at least 1.</param>
    public T* OptionalMatrix<T>(int index, out int rows, out int columns)
        where T : unmanaged
    {
        (rows, columns) = (0, 0);
        return Value(index) == 0 ? null : Matrix<T>(index, out rows, out columns);
    }

    /// <summary>Gets the size of an axis of an input.</summary>
    /// <param name="index">Index of the input.</param>
    /// <param name="fromEnd">Axis counted from the end; 1 is the last.</param>
    /// <exception cref="InvalidOperationException">The input is missing or has fewer axes.</exception>
    public long Axis(int index, int fromEnd)
    {
        long* sizes = stackalloc long[MaxRank];
        int rank = Sizes(Given(index), sizes);
        return fromEnd <= rank
            ? sizes[rank - fromEnd]
            : throw new InvalidOperationException($"input {index} of an operator of this program has {rank} axes; it takes at least {fromEnd}.");
    }

    /// <summary>Allocates an output.</summary>
    /// <param name="index">Index of the output; the node must have it.</param>
    /// <param name="shape">Its shape.</param>
    public T* Output<T>(int index, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        nint value;
        fixed (long* sizes = shape)
        {
            OrtNative.Check(OrtNative.Output(context, (nuint)index, sizes, (nuint)shape.Length, &value));
        }

        if (value == 0)
        {
            throw new InvalidOperationException($"an operator of this program has no output {index}.");
        }

        return Data<T>(value);
    }

    /// <summary>Allocates an output with the shape of an input, optionally with another last size.</summary>
    /// <param name="index">Index of the output.</param>
    /// <param name="like">Index of the input.</param>
    /// <param name="columns">Last size; 0 keeps the input's.</param>
    public T* OutputLike<T>(int index, int like, int columns = 0)
        where T : unmanaged
    {
        long* sizes = stackalloc long[MaxRank];
        int rank = Sizes(Given(like), sizes);
        if (columns > 0)
        {
            sizes[rank - 1] = columns;
        }

        return Output<T>(index, new ReadOnlySpan<long>(sizes, rank));
    }

    /// <summary>Runs a function for every index on the session's threads, and waits.</summary>
    /// <param name="count">Number of indices.</param>
    /// <param name="body">Function of the state and an index; it must not throw.</param>
    /// <param name="state">Passed to every call.</param>
    public void For(int count, delegate* unmanaged<void*, nuint, void> body, void* state) =>
        OrtNative.Check(OrtNative.ParallelFor(context, body, (nuint)count, 0, state));

    private static T* Sized<T>(nint value, int index, long length)
        where T : unmanaged
    {
        long* sizes = stackalloc long[MaxRank];
        long elements = Product(sizes, Sizes(value, sizes));
        if (elements != length)
        {
            throw new InvalidOperationException($"input {index} of an operator of this program has {elements} numbers; the others go with {length}.");
        }

        return Data<T>(value);
    }

    private static long Product(long* sizes, int count)
    {
        long product = 1;
        for (int axis = 0; axis < count; axis++)
        {
            product = checked(product * sizes[axis]);
        }

        return product;
    }

    private static T* Data<T>(nint value)
        where T : unmanaged
    {
        void* data;
        OrtNative.Check(OrtNative.Data(value, &data));
        return (T*)data;
    }

    private static int Sizes(nint value, long* sizes)
    {
        nint shape;
        OrtNative.Check(OrtNative.Shape(value, &shape));
        try
        {
            nuint rank;
            OrtNative.Check(OrtNative.Rank(shape, &rank));
            if (rank is 0 or > MaxRank)
            {
                throw new InvalidOperationException($"an operator of this program got a tensor of {rank} axes; it takes 1 to {MaxRank}.");
            }

            OrtNative.Check(OrtNative.Dimensions(shape, sizes, rank));
            return (int)rank;
        }
        finally
        {
            OrtNative.ReleaseShape(shape);
        }
    }

    private nint Given(int index)
    {
        nint value = Value(index);
        return value != 0 ? value : throw new InvalidOperationException($"an operator of this program got no input {index}.");
    }

    private nint Value(int index)
    {
        nint value;
        OrtNative.Check(OrtNative.Input(context, (nuint)index, &value));
        return value;
    }
}
