using System.Globalization;
using System.Text.Json;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

/// <summary>Worked values of TRL's own functions, from <c>../shared/fixtures/losses-more.json</c>; a test that needs them skips without it.</summary>
internal static class TrlLosses
{
    private static readonly Lazy<JsonElement> Document = new(() =>
        JsonDocument.Parse(File.ReadAllBytes(Rudder.Tests.SharedFolder.Require("fixtures", "losses-more.json"))).RootElement);

    /// <summary>A section of the file.</summary>
    public static JsonElement Section(string name)
    {
        Rudder.Tests.SharedFolder.Require("fixtures", "losses-more.json");
        return Document.Value.GetProperty(name);
    }

    /// <summary>A number, or the string "NaN".</summary>
    public static double Number(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, CultureInfo.InvariantCulture) : value.GetDouble();

    /// <summary>A list of rows of numbers.</summary>
    public static double[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(Number).ToArray())];

    /// <summary>The first <paramref name="lengths"/>[i] values of each row, one after another, as a float64 tensor. [N]</summary>
    public static Tensor Flat(double[][] rows, IReadOnlyList<int> lengths, bool gradient = false) =>
        tensor(rows.SelectMany((row, i) => row.Take(lengths[i])).ToArray(), requires_grad: gradient);

    /// <summary>Each row's value repeated once per token, as a float64 tensor. [N]</summary>
    public static Tensor Spread(IReadOnlyList<double> perRow, IReadOnlyList<int> lengths) =>
        tensor(perRow.SelectMany((value, i) => Enumerable.Repeat(value, lengths[i])).ToArray());
}
