using Rudder.Datasets;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public sealed class LabelCheckTests
{
    private static readonly string[] Names = ["NEGATIVE", "POSITIVE", "MIXED"];

    [Fact]
    public void Require_OneLabelOnly_IsRefusedByItsName()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => LabelCheck.Require([Review(1), Review(1)], Names, TextWriter.Null));
        Assert.Contains("label 1 (POSITIVE)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Require_ALabelUnseen_WarnsNamingUnseenAndSeen()
    {
        using var warnings = new StringWriter();
        LabelCheck.Require([Review(0), Review(1)], Names, warnings);
        Assert.Contains("label MIXED", warnings.ToString(), StringComparison.Ordinal);
        Assert.Contains("0 (NEGATIVE), 1 (POSITIVE)", warnings.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Require_EveryLabelSeen_SaysNothing()
    {
        using var warnings = new StringWriter();
        LabelCheck.Require([Review(0), Review(1), Review(2)], Names, warnings);
        Assert.Empty(warnings.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData(3)]
    public void Of_LabelWithoutAName_IsRefused(int? label) => Assert.Throws<BadInputException>(() => LabelCheck.Of(Review(label), Names));

    private static Review Review(int? label) => new("r", "text", label);
}
