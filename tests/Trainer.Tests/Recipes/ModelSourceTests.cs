using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Recipes;

public sealed class ModelSourceTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Tokenizer_LargerThanTheModel_RefusesOnlyTextsThatUseWhatTheModelLacks()
    {
        string folder = _world.File("start");
        using (ILanguageModel model = ModelSource.Model<ILanguageModel>(_world.Sft(), ModelSource.Tokenizer(Small()), [], CPU))
        {
            ModelFolder.Save(model, folder, null, WeightType.F32);
        }

        TextTokenizer larger = ModelSource.Tokenizer(_world.LanguageTokenizer, folder);
        Assert.NotEmpty(larger.Encode("q"));
        Assert.Equal(299, Assert.Throws<SurplusTokenException>(() => larger.Encode("<|endoftext|>")).Id);
    }

    [Fact]
    public void LanguageModel_OtherEndOfText_IsRefusedWithBothIds()
    {
        string message = Refusal(modelTokenizer: _world.LanguageTokenizer, tokenizer: Small());
        Assert.Contains("with id 279", message, StringComparison.Ordinal);
        Assert.Contains("with id 299", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Classifier_LabelsInAnotherOrder_AreRefusedWithBothLists()
    {
        TextTokenizer tokenizer = ModelSource.Tokenizer(_world.ClassifierTokenizer);
        string folder = _world.File("start");
        using (ISequenceClassifier model = ModelSource.Model<ISequenceClassifier>(_world.Classifier(), tokenizer, ["NEGATIVE", "POSITIVE"], CPU))
        {
            ModelFolder.Save(model, folder, _world.ClassifierTokenizer, WeightType.F32);
        }

        ClassifierRecipe recipe = _world.Classifier("data.labels=[\"POSITIVE\",\"NEGATIVE\"]") with { Model = folder, Architecture = null };
        BadInputException error = Assert.Throws<BadInputException>(() => ModelSource.Model<ISequenceClassifier>(recipe, tokenizer, recipe.Data.Labels, CPU));
        Assert.Contains("data.labels is [POSITIVE, NEGATIVE]", error.Message, StringComparison.Ordinal);
        Assert.Contains("has [NEGATIVE, POSITIVE]", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A tokenizer of 280 entries; its last one, 279, ends a text.</summary>
    private string Small()
    {
        string folder = _world.File("small");
        BpeTraining.Train(Reviews.Read(_world.Reviews).Select(review => review.Text), 280, [], folder, TokenizerFamily.Gpt2);
        return folder;
    }

    private string Refusal(string modelTokenizer, string tokenizer)
    {
        string folder = _world.File("start");
        using (ILanguageModel model = ModelSource.Model<ILanguageModel>(_world.Sft(), ModelSource.Tokenizer(modelTokenizer), [], CPU))
        {
            ModelFolder.Save(model, folder, modelTokenizer, WeightType.F32);
        }

        SftRecipe recipe = _world.Sft() with { Model = folder, Architecture = null, Tokenizer = tokenizer };
        return Assert.Throws<BadInputException>(() => ModelSource.Model<ILanguageModel>(recipe, ModelSource.Tokenizer(tokenizer), [], CPU)).Message;
    }
}
