using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Benchmarks;

/// <summary>Embedded models as the benchmarks need them: a copy below artifacts/bench with fp32 and int8 graphs, made once.</summary>
internal static class BenchmarkModel
{
    /// <summary>The folder of a copy of an embedded model, with its graphs.</summary>
    /// <param name="name">Folder below models/.</param>
    public static string Exported(string name)
    {
        string root = Root();
        string source = Path.Combine(root, "models", name);
        string copy = Path.Combine(root, "artifacts", "bench", "models", name);
        if (Directory.Exists(copy) && ExportReport.Read(Path.Combine(copy, ModelExport.FolderName))?.Fingerprint == Fingerprint.OfFolder(source))
        {
            return copy;
        }

        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }

        ModelExport.Run(copy, new ExportSettings { Fp32 = true, Int8 = true }, threads: 2);
        return copy;
    }

    private static string Root()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder.TrimEnd('/')))
        {
            if (File.Exists(Path.Combine(folder, "Services.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"No Services.sln above {AppContext.BaseDirectory}; run the benchmarks from a checkout.");
    }
}
