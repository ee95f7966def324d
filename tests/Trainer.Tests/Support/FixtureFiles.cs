using System.Text.Json;

namespace Rudder.Trainer.Tests;

/// <summary>Reads the golden numbers in tests/Fixtures.</summary>
internal static class FixtureFiles
{
    /// <summary>A folder below tests/Fixtures.</summary>
    public static string Folder(string name) => Path.Combine(Rudder.Tests.SharedFolder.Root, "tests", "Fixtures", name);

    /// <summary>A JSON file below tests/Fixtures.</summary>
    public static JsonElement Json(string folder, string file) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(folder), file))).RootElement;

    /// <summary>A list of rows of ids.</summary>
    public static int[][] Rows(JsonElement rows) => rows.Deserialize<int[][]>()!;

    /// <summary>A list of numbers.</summary>
    public static double[] Numbers(JsonElement numbers) => numbers.Deserialize<double[]>()!;
}
