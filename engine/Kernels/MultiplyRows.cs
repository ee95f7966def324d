using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Operator: x·W (+ bias) in float32, computed by <see cref="PanelProduct"/> over a <see cref="PanelMatrix"/>. It targets the few rows of
/// a decoding step, where ONNX Runtime's product reaches about half of the processor's speed (docs/adr/0004-speed.md). With many rows it is
/// as fast.
/// </summary>
/// <remarks>
/// Inputs: x [N,K], or with more row axes, and optionally bias [M]. Output: [N,M]. Attributes: name and location of the weights (weight,
/// file, offset), their rows and columns in the file, transposed, and the number of their owner. Opening the session reads the weights
/// unless another session of the owner has read them; they are not values of the graph.
/// </remarks>
/// <param name="matrix">W, which belongs to the <see cref="PackedWeights"/> of the model.</param>
internal sealed unsafe class MultiplyRows(PanelMatrix matrix) : IKernel
{
    /// <summary>The operator.</summary>
    public static readonly OperatorDefinition Operator = new(
        "MultiplyRows",
        [new(ElementType.Float), new(ElementType.Float, Optional: true)],
        [ElementType.Float],
        attributes => new MultiplyRows(PackedWeights.Of(attributes.Integer("owner\0"u8)).Matrix(
            new WeightPlace(
                attributes.Text("weight\0"u8),
                attributes.Text("file\0"u8),
                attributes.Integer("offset\0"u8),
                checked((int)attributes.Integer("rows\0"u8)),
                checked((int)attributes.Integer("columns\0"u8))),
            attributes.Integer("transposed\0"u8) != 0)));

    private const int UnitsAtMost = 64;                      // enough work units for threads to finish at about the same time
    private const int FloatsAtOnce = 192 << 10;              // of x, so that it stays in a core's L2 cache

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int inputs);
        if (inputs != matrix.Inputs)
        {
            throw new InvalidOperationException($"a product got rows of {inputs} numbers; its weights take {matrix.Inputs}.");
        }

        int unit = Math.Max(1, matrix.Panels / UnitsAtMost), units = (matrix.Panels + unit - 1) / unit;
        int rowsAtOnce = Math.Max(PanelProduct.MostRows, FloatsAtOnce / inputs / PanelProduct.MostRows * PanelProduct.MostRows);
        var work = new Work
        {
            Y = call.OutputLike<float>(0, 0, matrix.Outputs), Bias = call.OptionalInput<float>(1, matrix.Outputs), Panels = matrix.Panel(0), PanelCount = matrix.Panels,
            PanelsAtOnce = unit, Inputs = inputs, Outputs = matrix.Outputs,
        };
        for (int first = 0; first < rows; first += rowsAtOnce)
        {
            work.X = x + ((long)first * inputs);
            work.Rows = Math.Min(rowsAtOnce, rows - first);
            call.For(units, &Unit, &work);
            work.Y += (long)rowsAtOnce * matrix.Outputs;
        }
    }

    [UnmanagedCallersOnly]
    private static void Unit(void* state, nuint index)
    {
        var work = (Work*)state;
        int first = (int)index * work->PanelsAtOnce, end = Math.Min(work->PanelCount, first + work->PanelsAtOnce);
        for (int panel = first; panel < end; panel++)
        {
            Panel(work, panel);
        }
    }

    private static void Panel(Work* work, int panel)
    {
        const int Columns = PanelProduct.Columns;
        float* bias = stackalloc float[Columns];
        float* edge = stackalloc float[PanelProduct.MostRows * Columns];
        int column = panel * Columns, count = Math.Min(Columns, work->Outputs - column);
        var start = new Span<float>(bias, Columns);
        start.Clear();
        if (work->Bias is not null)
        {
            new ReadOnlySpan<float>(work->Bias + column, count).CopyTo(start);
        }

        long panelSize = (long)work->Inputs * Columns;
        var tile = new PanelProduct.Tile
        {
            X = work->X, XStride = work->Inputs, Panel = work->Panels + (panel * panelSize), Inputs = work->Inputs, Bias = bias,
            Y = work->Y + column, YStride = work->Outputs,
        };

        // Each group of rows prefetches its part of the next panel.
        int groups = (work->Rows + PanelProduct.MostRows - 1) / PanelProduct.MostRows;
        tile.NextStep = Columns * sizeof(float) / groups;
        tile.Next = (byte*)(tile.Panel + panelSize);
        for (int row = 0; row < work->Rows;)
        {
            float* y = tile.Y;
            if (count < Columns)
            {
                tile.Y = edge;
                tile.YStride = Columns;
            }

            int taken = PanelProduct.Multiply(work->Rows - row, tile);
            if (count < Columns)
            {
                CopyEdge(edge, y, work->Outputs, taken, count);
            }

            tile.Y = y + ((long)taken * work->Outputs);
            tile.X += (long)taken * work->Inputs;
            tile.Next += (long)tile.NextStep * work->Inputs;
            row += taken;
        }
    }

    private static void CopyEdge(float* edge, float* y, long stride, int rows, int count)
    {
        for (int row = 0; row < rows; row++)
        {
            new ReadOnlySpan<float>(edge + (row * PanelProduct.Columns), count).CopyTo(new Span<float>(y + (row * stride), count));
        }
    }

    private struct Work
    {
        public float* X, Y, Bias, Panels;
        public int Rows, PanelCount, PanelsAtOnce, Inputs, Outputs;
    }
}
