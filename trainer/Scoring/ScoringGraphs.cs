using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Scoring;

/// <summary>Finds the graphs with which a model is scored on ONNX Runtime.</summary>
internal static class ScoringGraphs
{
    /// <summary>
    /// The folder that holds <paramref name="graph"/> of this model: its own <c>onnx</c> where that belongs to these weights, else a
    /// fresh export under <paramref name="temporary"/>.
    /// </summary>
    public static string Folder(string modelFolder, string graph, string temporary, int threads)
    {
        string own = Path.Combine(modelFolder, GraphFiles.Folder);
        bool current = File.Exists(Path.Combine(own, graph)) && ExportReport.Read(own).Fingerprint == Fingerprint.OfFolder(modelFolder);
        if (current)
        {
            return own;
        }

        string fresh = Path.Combine(temporary, GraphFiles.Folder);
        ModelExport.Run(modelFolder, new ExportSettings(), threads, fresh);
        return fresh;
    }
}
