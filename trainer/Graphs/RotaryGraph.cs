using Rudder.Checkpoints;

namespace Rudder.Trainer.Graphs;

/// <summary>Cosines and sines of a graph's tokens.</summary>
/// <param name="Cosines">[N,1,R/2]</param>
/// <param name="Sines">[N,1,R/2]</param>
internal sealed record Angles(string Cosines, string Sines);

/// <summary>Rotary positions in a graph: R of the E numbers of each head turn, by angles from tables that are stored once.</summary>
/// <param name="positions">Frequencies.</param>
/// <param name="context">C, positions of the tables.</param>
/// <param name="width">R, even.</param>
/// <param name="data">File of the tables.</param>
internal sealed class RotaryGraph(RotaryPositions positions, int context, int width, ExternalData data)
{
    private readonly Lazy<(float[] Cosines, float[] Sines)> _table = new(() => positions.Table(context, width));

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

    /// <summary>Turns whole heads, R = E: numbers i and i + E/2 make a pair.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="heads">[N,heads,E]</param>
    /// <param name="angles">From <see cref="At"/>.</param>
    public string Turn(OnnxGraph graph, string heads, Angles angles)
    {
        string first = $"{heads}.first", second = $"{heads}.second";
        graph.Node("Split", [heads, graph.Int64(width / 2, width / 2)], [first, second], [("axis", 2)]);
        string turned = graph.Node("Sub", [graph.Node("Mul", [first, angles.Cosines]), graph.Node("Mul", [second, angles.Sines])]);
        string other = graph.Node("Add", [graph.Node("Mul", [second, angles.Cosines]), graph.Node("Mul", [first, angles.Sines])]);
        return graph.Node("Concat", [turned, other], [("axis", 2)]);                                            // [N,heads,E]
    }
}
