using Rudder.Checkpoints;

namespace Rudder.Trainer.Graphs;

/// <summary>Cosines and sines of a graph's tokens.</summary>
/// <param name="Cosines">[N,1,R/2]</param>
/// <param name="Sines">[N,1,R/2]</param>
internal sealed record Angles(string Cosines, string Sines);

/// <summary>Rotary positions in a graph: R of the E numbers of each head turn, by angles from tables that are stored once.</summary>
/// <param name="positions">Frequencies.</param>
/// <param name="context">C, positions of the tables.</param>
/// <param name="size">E.</param>
/// <param name="width">R, even, at most E.</param>
/// <param name="data">File of the tables.</param>
internal sealed class RotaryGraph(RotaryPositions positions, int context, int size, int width, ExternalData data)
{
    private const int KernelMultiple = 16;

    private readonly Lazy<(float[] Cosines, float[] Sines)> _table = new(() => positions.Table(context, width));

    /// <summary>Whether GroupQueryAttention can turn such heads itself.</summary>
    public bool KernelTurns => size % KernelMultiple == 0 && width % KernelMultiple == 0;

    /// <summary>The tables of cosines and sines, each [C,R/2].</summary>
    public string[] Tables(OnnxGraph graph) =>
    [
        graph.Weight(data.Float(WeightNames.ConstantPrefix + "cosines", [context, width / 2], () => _table.Value.Cosines)),
        graph.Weight(data.Float(WeightNames.ConstantPrefix + "sines", [context, width / 2], () => _table.Value.Sines)),
    ];

    /// <summary>The angles of tokens.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="places">Their positions, [N].</param>
    public Angles At(OnnxGraph graph, string places)
    {
        string[] rows = [.. Tables(graph).Select(table => graph.Node("Unsqueeze", [graph.Node("Gather", [table, places]), graph.Int64(1)]))];
        return new Angles(rows[0], rows[1]);
    }

    /// <summary>Turns heads: numbers i and i + R/2 make a pair; numbers from R on stay.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="heads">[N,heads,E]</param>
    /// <param name="angles">From <see cref="At"/>.</param>
    public string Turn(OnnxGraph graph, string heads, Angles angles)
    {
        string first = $"{heads}.first", second = $"{heads}.second";
        string rest = $"{heads}.rest";
        bool isWhole = width == size;
        string sizes = isWhole ? graph.Int64(width / 2, width / 2) : graph.Int64(width / 2, width / 2, size - width);
        graph.Node("Split", [heads, sizes], isWhole ? [first, second] : [first, second, rest], [("axis", 2)]);
        string turned = graph.Node("Sub", [graph.Node("Mul", [first, angles.Cosines]), graph.Node("Mul", [second, angles.Sines])]);
        string other = graph.Node("Add", [graph.Node("Mul", [second, angles.Cosines]), graph.Node("Mul", [first, angles.Sines])]);
        string result = graph.Node("Concat", [turned, other], [("axis", 2)]);                                   // [N,heads,R]
        return isWhole ? result : graph.Node("Concat", [result, rest], [("axis", 2)]);                          // [N,heads,E]
    }
}
