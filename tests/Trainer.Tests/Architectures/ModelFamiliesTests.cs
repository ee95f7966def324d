using System.Text.RegularExpressions;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Tests.Architectures;

public partial class ModelFamiliesTests
{
    [Fact]
    public void Of_UnknownModelType_NamesTheKnownOnes()
    {
        BadInputException error = Assert.Throws<BadInputException>(() => ModelFamilies.Of("t5"));
        Assert.Contains("gpt2, roberta", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void For_EachKind_MakesModelsOfThatKind()
    {
        Assert.Equal(typeof(ILanguageModel), ModelFamilies.For<ILanguageModel>().Kind);
        Assert.Equal(typeof(ISequenceClassifier), ModelFamilies.For<ISequenceClassifier>().Kind);
    }

    /// <summary>A new family is a folder below Architectures/ and a line in its table: nothing else in the trainer names one.</summary>
    [Fact]
    public void Sources_OutsideArchitectures_NameNoFamily()
    {
        string trainer = Path.Combine(Rudder.Tests.SharedFolder.Root, "trainer");
        string architectures = Path.Combine(trainer, "Architectures") + Path.DirectorySeparatorChar;
        string[] sources = Directory.GetFiles(trainer, "*.cs", SearchOption.AllDirectories);
        Assert.Contains(sources, path => path.StartsWith(architectures, StringComparison.Ordinal) && FamilyName().IsMatch(File.ReadAllText(path)));
        Assert.DoesNotContain(sources, path => !path.StartsWith(architectures, StringComparison.Ordinal) && FamilyName().IsMatch(File.ReadAllText(path)));
    }

    [GeneratedRegex("Gpt2|Roberta")]
    private static partial Regex FamilyName();
}
