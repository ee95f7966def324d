using Rudder.Checkpoints;

namespace Rudder.Trainer.Export;

/// <summary>Prepares model folders for an engine in this process: float32 graphs, without the comparison that a published export needs.</summary>
internal static class RawExport
{
    /// <summary>A folder with this model and float32 graphs of its weights: the folder itself if it has them, else a copy.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="temporary">Folder of the copy; replaced.</param>
    public static string WithGraphs(string modelFolder, string temporary)
    {
        string graphs = Path.Combine(modelFolder, GraphFiles.Folder);
        if (File.Exists(Path.Combine(graphs, GraphFiles.Model(GraphPrecision.Fp32)))
            && ExportReport.Read(graphs).Fingerprint == Fingerprint.OfFolder(modelFolder))
        {
            return modelFolder;
        }

        if (Directory.Exists(temporary))
        {
            Directory.Delete(temporary, recursive: true);
        }

        Directory.CreateDirectory(temporary);
        foreach (string file in Directory.GetFiles(modelFolder))
        {
            File.Copy(file, Path.Combine(temporary, Path.GetFileName(file)));
        }

        ModelExport.WriteUnchecked(temporary);
        return temporary;
    }
}
