namespace Rudder.Checkpoints.Tests;

/// <summary>export.json in and out.</summary>
public class ExportReportTests
{
    private static readonly ExportReport Report = new(
        "f",
        new Dictionary<string, GraphReport> { ["model.onnx"] = new("a", "fp32", 126, 1.5e-6, 1e-4) },
        new Dictionary<string, FileReport> { ["model.onnx_data"] = new("b", 7) });

    [Fact]
    public void Read_WrittenReport_IsEqual()
    {
        using var folder = new TemporaryFolder();
        Report.Write(folder.Path);

        var read = ExportReport.Read(folder.Path);

        Assert.Equal(Report.ToString(), read.ToString());
        Assert.Equal(new FileReport("b", 7), read.Weights["model.onnx_data"]);
    }

    [Theory]
    [InlineData("{\n\"fingerprint\":", ":2: damaged")]
    [InlineData("{\"fingerprint\": 5}", ":1: damaged")]
    [InlineData("{\"fingerprint\": null, \"graphs\": {}, \"weights\": {}}", ":1: damaged")]
    [InlineData("{\"fingerprint\": \"f\", \"graphs\": {}}", ":1: damaged")]
    [InlineData("{\"fingerprint\": \"f\", \"graphs\": {}, \"weights\": {\"model.onnx_data\": null}}", ":1: damaged")]
    [InlineData("{\"fingerprint\": \"f\", \"graphs\": {}, \"weights\": {\"model.onnx_data\": {\"bytes\": 1}}}", ":1: damaged")]
    [InlineData("null", ":1: damaged")]
    [InlineData("{\"fingerprint\": \"f\", \"graphs\": {}, \"weights\": {}}", " has format 1; this version reads format 2. Export the model again")]
    public void Read_DamagedOrOlderReport_NamesTheFile(string text, string part)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(ExportReport.FileName), text);

        var error = Assert.Throws<CheckpointException>(() => ExportReport.Read(folder.Path));

        Assert.StartsWith(folder.File(ExportReport.FileName) + part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoReport_SaysHowToMakeOne()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("trainer export", Assert.Throws<CheckpointException>(() => ExportReport.Read(folder.Path)).Message, StringComparison.Ordinal);
    }
}
