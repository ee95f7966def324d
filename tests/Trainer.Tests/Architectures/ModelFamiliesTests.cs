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
        Assert.Contains("gpt2, llama, mistral, qwen2, qwen3, gpt_neox, roberta", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void For_EachKind_MakesModelsOfThatKind()
    {
        Assert.Equal(typeof(ILanguageModel), ModelFamilies.For<ILanguageModel>(null).Kind);
        Assert.Equal(typeof(ISequenceClassifier), ModelFamilies.For<ISequenceClassifier>(null).Kind);
    }

    [Fact]
    public void For_ModelTypeOfAnotherKind_NamesTheFittingOnes()
    {
        Assert.Equal("gpt2", ModelFamilies.For<ILanguageModel>("gpt2").ModelType);
        BadInputException error = Assert.Throws<BadInputException>(() => ModelFamilies.For<ILanguageModel>("roberta"));
        Assert.Contains("architecture.model_type is 'roberta'; here it takes gpt2 or llama or mistral or qwen2 or qwen3 or gpt_neox", error.Message, StringComparison.Ordinal);
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

    [GeneratedRegex("Gpt2|Roberta|Llama[^3]|Mistral|Qwen|NeoX")]
    private static partial Regex FamilyName();
}
