using System.Text.Json;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

/// <summary>The worked values of tests/Fixtures/losses.json, as float64 tensors and numbers.</summary>
internal static class GoldenLosses
{
    private static readonly JsonDocument Document =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Rudder.Tests.SharedFolder.Root, "tests", "Fixtures", "losses.json")));

    /// <summary>The whole file.</summary>
    public static JsonElement Root => Document.RootElement;

    /// <summary>Entries of the loss table with this name.</summary>
    public static IReadOnlyList<JsonElement> Entries(string loss) =>
        [.. Root.GetProperty("losses").EnumerateArray().Where(entry => entry.GetProperty("loss").GetString() == loss)];

    /// <summary>A parameter of an entry.</summary>
    public static double Parameter(JsonElement entry, string name) => entry.GetProperty("params").GetProperty(name).GetDouble();

    /// <summary>A list of the common inputs as a float64 tensor. [P]</summary>
    public static Tensor Input(string name) => tensor(Numbers(Root.GetProperty("inputs").GetProperty(name)));

    /// <summary>A JSON array of numbers.</summary>
    public static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(number => number.GetDouble())];

    /// <summary>A rectangular JSON array of arrays, row by row.</summary>
    public static double[] Flat(JsonElement array) =>
        array.ValueKind == JsonValueKind.Array ? [.. array.EnumerateArray().SelectMany(Flat)] : [array.GetDouble()];

    /// <summary>Every value within 1e-6 relative of the expected one (or 1e-12, where that is 0 or underflows).</summary>
    public static void AssertClose(double[] expected, Tensor actual)
    {
        double[] values = actual.detach().to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            AssertClose(expected[i], values[i]);
        }
    }

    /// <summary>One value within 1e-6 relative.</summary>
    public static void AssertClose(double expected, double actual) =>
        Assert.True(Math.Abs(actual - expected) <= Math.Max(1e-6 * Math.Abs(expected), 1e-12), $"expected {expected:R}, got {actual:R}");
}
