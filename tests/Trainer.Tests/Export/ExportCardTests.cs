using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

/// <summary>The section of the model card.</summary>
public sealed class ExportCardTests
{
    private static readonly ExportReport Report = new(
        "f", new Dictionary<string, GraphReport> { ["model_quantized.onnx"] = new("s", "int8", 976, 0.5, 5e-3, 0.04, 1.5e-3, 1.6e-3), ["model.onnx"] = new("s", "fp32", 126, 1.5e-6, 1e-4) }, new Dictionary<string, FileReport>());

    [Fact]
    public void Updated_CardWithoutSection_AddsItAtTheEnd()
    {
        string card = ExportCard.Updated("# model\n\nText.\n", Report);
        Assert.StartsWith("# model\n\nText.\n\n## ONNX graphs\n", card, StringComparison.Ordinal);
        Assert.Contains("| model.onnx | fp32 | 126 | 1.5e-6 | – | – | – | max 1e-4 |\n", card, StringComparison.Ordinal);
        Assert.Contains("| model_quantized.onnx | int8 | 976 | 5e-1 | 4e-2 | 1.5e-3 | 1.6e-3 | KL 5e-3 |\n", card, StringComparison.Ordinal);
    }

    [Fact]
    public void Updated_CardWithSection_ReplacesItAndKeepsTheRest()
    {
        string once = ExportCard.Updated("# model\n", Report) + "\n## After\nKept.\n";
        Assert.Equal(once, ExportCard.Updated(once, Report));
    }
}
