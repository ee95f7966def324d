using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

public class ExportReportTests
{
    [Theory]
    [InlineData("{\n\"fingerprint\":", ":2: damaged")]
    [InlineData("{\"fingerprint\": 5}", ":1: damaged")]
    public void Read_DamagedReport_NamesFileAndLine(string text, string place)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(ExportReport.FileName), text);
        BadInputException error = Assert.Throws<BadInputException>(() => ExportReport.Read(folder.Path));
        Assert.StartsWith(folder.File(ExportReport.FileName) + place, error.Message, StringComparison.Ordinal);
    }
}
