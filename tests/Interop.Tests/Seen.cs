using System.Text.Json;
using Rudder.Inference.V1;

namespace Rudder.Interop.Tests;

/// <summary>Reads and compares what foreign clients print.</summary>
internal static class Seen
{
    /// <summary>A text.</summary>
    public static string Text(this JsonElement seen, string name) => seen.GetProperty(name).GetString()!;

    /// <summary>A whole number.</summary>
    public static int Number(this JsonElement seen, string name) => seen.GetProperty(name).GetInt32();

    /// <summary>A real number.</summary>
    public static double Real(this JsonElement seen, string name) => seen.GetProperty(name).GetDouble();

    /// <summary>Ids.</summary>
    public static int[] Ids(this JsonElement seen, string name) => [.. seen.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>Texts.</summary>
    public static string[] Texts(this JsonElement seen, string name) => [.. seen.GetProperty(name).EnumerateArray().Select(text => text.GetString()!)];

    /// <summary>Fails unless a check saw the completion.</summary>
    public static void AssertIs(this JsonElement seen, Completion expected)
    {
        Assert.Equal(expected.Ids, seen.Ids("ids"));
        Assert.Equal(expected.Text, seen.Text("text"));
        Assert.Equal(expected.SumLogProb, seen.Real("sum_log_prob"), 1e-9);
    }
}
