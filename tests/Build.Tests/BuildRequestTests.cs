namespace Rudder.Build.Tests;

public class BuildRequestTests
{
    [Fact]
    public void Parse_NoWords_IsTheHelp() => Assert.Equal("", BuildRequest.Parse([]).Target);

    [Fact]
    public void Parse_OptionsAnywhere_AreTakenOut()
    {
        var request = BuildRequest.Parse(["bench", "--accelerator", "cuda", "engines"]);

        Assert.Equal("bench", request.Target);
        Assert.Equal(["engines"], request.Arguments);
        Assert.Equal("cuda", request.Accelerator);
    }

    [Theory]
    [InlineData("--accelerator takes cpu or cuda; tpu was given.", "test", "--accelerator", "tpu")]
    [InlineData("--accelerator takes cpu or cuda; nothing was given.", "test", "--accelerator")]
    [InlineData("'--fast' is not an option", "test", "--fast")]
    public void Parse_WrongOption_SaysWhatIsLegal(string message, params string[] words)
    {
        var failure = Assert.Throws<BuildException>(() => BuildRequest.Parse(words));

        Assert.Contains(message, failure.Message);
        Assert.Equal(ExitCode.Usage, failure.Code);
    }

    [Fact]
    public void RequireName_None_GivesAnExample() =>
        Assert.Contains("./build.sh bench engines", Assert.Throws<BuildException>(() => BuildRequest.Parse(["bench"]).RequireName("engines")).Message);

    [Fact]
    public void RequireNoArguments_One_NamesIt() =>
        Assert.Contains("'fast'", Assert.Throws<BuildException>(() => BuildRequest.Parse(["test", "fast"]).RequireNoArguments()).Message);
}
