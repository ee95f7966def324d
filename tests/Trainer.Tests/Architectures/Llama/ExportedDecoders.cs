using Rudder.Engine.Graphs;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Architectures.Llama;

/// <summary>The fixture decoders with float32 graphs, each exported once for all tests of a class.</summary>
public sealed class ExportedDecoders : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly HashSet<string> _exported = [];

    /// <summary>A fixture's folder with its graphs.</summary>
    internal string Folder(DecoderFixture fixture)
    {
        string model = _folder.File(fixture.Name);
        lock (_exported)
        {
            if (_exported.Add(fixture.Name))
            {
                ModelExport.Run(fixture.Copy(model), new ExportSettings(), threads: 1);
            }
        }

        return model;
    }

    /// <summary>Its graphs as other programs run them.</summary>
    internal GraphFolder AsWritten(DecoderFixture fixture)
    {
        string model = Folder(fixture), graphs = Path.Combine(model, "onnx");
        return new GraphFolder(model, graphs, Rudder.Checkpoints.ExportReport.Read(graphs)) { AsWritten = true };
    }

    public void Dispose() => _folder.Dispose();
}
