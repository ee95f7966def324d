using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Scoring;

/// <summary>Finds the graphs with which a model is scored on ONNX Runtime.</summary>
internal static class ScoringGraphs
{
    /// <summary>
    /// The graphs of this model, among them <paramref name="graph"/>: its own <c>onnx</c> where that belongs to these weights, else a
    /// fresh export under <paramref name="temporary"/>.
    /// </summary>
    public static GraphFolder Open(string modelFolder, string graph, string temporary, int threads)
    {
        string own = Path.Combine(modelFolder, GraphFiles.Folder);
        if (File.Exists(Path.Combine(own, graph)) && ExportReport.Read(own) is var report && report.Fingerprint == Fingerprint.OfFolder(modelFolder))
        {
            return new GraphFolder(modelFolder, own, report);
        }

        string fresh = Path.Combine(temporary, GraphFiles.Folder);
        return new GraphFolder(modelFolder, fresh, ModelExport.Run(modelFolder, new ExportSettings(), threads, fresh));
    }
}
