using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Tests.Recipes;

public class RecipeReaderTests
{
    [Theory]
    [InlineData("{\"epoch\": 1}", "there is no setting 'epoch'", "Did you mean 'epochs'?")]
    [InlineData("{\"optimizer\": {\"lr\": 1}}", "there is no setting 'optimizer.lr'", "learning_rate")]
    [InlineData("{\"optimizer\": {\"learningrate\": 1}}", "there is no setting 'optimizer.learningrate'", "Did you mean 'learning_rate'?")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"epochs\": 0}", "epochs is 0", "1 to 100000")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"optimizer\": {\"name\": \"sgd\"}}", "optimizer.name is 'sgd'", "adamw, rmsprop")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"optimizer\": {\"betas\": [0.9]}}", "optimizer.betas is [0.9]", "2 values")]
    [InlineData("{\"data\": {\"files\": []}}", "data.files is []", "at least 1 value")]
    [InlineData("{\"epochs\": \"two\"}", "epochs", "wrong type")]
    [InlineData("{", "not JSON", "")]
    [InlineData("{\"epochs\": 1, \"epochs\": 2}", "not JSON", "epochs")]
    [InlineData("{\"optimizer\": null}", "optimizer is null", "leave the key out")]
    [InlineData("{\"data\": {\"files\": null}}", "data.files is null", "leave the key out")]
    [InlineData("{\"data\": {\"files\": [\"a\", null]}}", "data.files[1] is null", "takes a value")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"name\": \"\\ud800\"}", "", "")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"optimizer\": {\"eps\": 0}}", "optimizer.eps is 0", "1E-30 to 1")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"optimizer\": {\"alpha\": 1}}", "optimizer.alpha is 1", "0 to below 1")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"schedule\": {\"decay_steps\": 5}}", "schedule.decay_steps is 5", "choose constant")]
    [InlineData("{\"data\": {\"files\": [\"a\"]}, \"schedule\": {\"name\": \"linear\", \"minimum\": 0.5}}", "schedule.minimum is 0.5", "choose cosine")]
    public void Parse_BadRecipe_NamesKeyValueAndLimit(string json, string problem, string remedy)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => RecipeReader.Parse<SftRecipe>(json, "r.json", []));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("r.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optimizer=null", "optimizer is null")]
    [InlineData("optimizer={\"eps\":1,\"eps\":2}", "optimizer takes JSON")]
    public void Parse_SetToNullOrDuplicate_NamesTheKey(string set, string problem)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => RecipeReader.Parse<PreferenceRecipe>("{}", "r.json", [set]));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"\\ud800\": 1}", "")]
    [InlineData("{\"loss\": \"dpo\", \"beta\": \"\\ud800\"}", "")]
    [InlineData("{\"loss\": \"dpo\", \"beta\": {}}", "")]
    [InlineData("{\"loss\": \"\\udc00\"}", "")]
    [InlineData("{\"pairs\": [1]}", "")]
    [InlineData("{\"pairs\": {\"a\": 1}}", "")]
    [InlineData("{\"optimizer\": 3}", "")]
    [InlineData("{\"optimizer\": [{\"\\ud800\": 1}]}", "")]
    [InlineData("{\"optimizer\": 3}", "optimizer.eps=1")]
    [InlineData("{\"optimizer\": {\"\\ud800\": 1}}", "optimizer.eps=1")]
    [InlineData("{}", "\ud800=1")]
    [InlineData("{}", "optimizer=\"\\ud800\"")]
    [InlineData("{}", "beta={\"\\ud800\":1}")]
    public void Parse_HostileText_IsBadInputAndNothingElse(string json, string set)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => RecipeReader.Parse<PreferenceRecipe>(json, "r.json", set.Length == 0 ? [] : [set]));
        Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Sets_OverrideWithTheSettingsType()
    {
        SftRecipe recipe = RecipeReader.Parse<SftRecipe>(
            "{\"data\": {\"files\": [\"a\"]}}",
            "r.json",
            ["optimizer.learning_rate=5e-4", "epochs=3", "export.int8=true", "data.files=[\"b\",\"c\"]", "name=x"]);
        Assert.Equal(5e-4, recipe.Optimizer.LearningRate);
        Assert.Equal(3, recipe.Epochs);
        Assert.True(recipe.Export.Int8);
        Assert.Equal(["b", "c"], recipe.Data.Files);
        Assert.Equal("x", recipe.Name);
    }

    [Theory]
    [InlineData("epochs=2.5", "a whole number")]
    [InlineData("optimizer.learning_rate=fast", "a number")]
    [InlineData("export.int8=yes", "true or false")]
    [InlineData("optimizer.rate=1", "no setting 'rate'")]
    [InlineData("optimiser.alpha=1", "Did you mean 'optimizer'?")]
    [InlineData("epochs", "--set takes key=value")]
    public void Parse_BadSet_SaysWhatItTakes(string set, string expected)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => RecipeReader.Parse<SftRecipe>("{}", "r.json", [set]));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ThenParse_GivesTheSameText()
    {
        using var world = new TinyTraining();
        string text = RecipeReader.Write(world.Sft());
        Assert.Equal(text, RecipeReader.Write(RecipeReader.Parse<SftRecipe>(text, "again", [])));
    }

    [Fact]
    public void Read_ShippedRecipes_AreValid()
    {
        string folder = Path.Combine(Rudder.Tests.SharedFolder.Root, "experiments", "imdb-dpo", "mini-models");
        foreach (string name in new[] { "pretrain", "sft" })
        {
            RecipeReader.Read<SftRecipe>(Path.Combine(folder, name + ".json"), []);
        }

        RecipeReader.Read<ClassifierRecipe>(Path.Combine(folder, "classifier.json"), []);
        RecipeReader.Read<TokenizerRecipe>(Path.Combine(folder, "tokenizer-lm.json"), []);
        RecipeReader.Read<TokenizerRecipe>(Path.Combine(folder, "tokenizer-classifier.json"), []);
    }
}
