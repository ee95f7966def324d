using System.Text.Json;
using Rudder.Tests;

namespace Rudder.Trainer.Tests.Export;

/// <summary>The tiny fixture models, copied to a folder of the test's own, and the numbers expected of them.</summary>
internal sealed class TinyModels : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rudder-export-");

    /// <summary>Where the fixtures lie.</summary>
    public static string Fixtures => Path.Combine(SharedFolder.Root, "tests", "Fixtures");

    /// <summary>A path in the test's folder.</summary>
    public string At(params string[] parts) => Path.Combine([_folder.FullName, .. parts]);

    /// <summary>A copy of a fixture model: its config and weights, nothing else.</summary>
    public string Copy(string name, string? to = null)
    {
        string target = At(to ?? name);
        Directory.CreateDirectory(target);
        foreach (string file in new[] { "config.json", "model.safetensors" })
        {
            File.Copy(Path.Combine(Fixtures, name, file), Path.Combine(target, file));
        }

        return target;
    }

    /// <summary>The fixture's expected.json.</summary>
    public static JsonElement Expected(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures, name, "expected.json"))).RootElement;

    /// <summary>A JSON array of arrays of ids.</summary>
    public static int[][] Ids(JsonElement rows) => rows.Deserialize<int[][]>()!;

    /// <summary>A JSON array of arrays of numbers.</summary>
    public static double[][] Numbers(JsonElement rows) => rows.Deserialize<double[][]>()!;

    public void Dispose() => _folder.Delete(recursive: true);
}
