using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Data;
using Rudder.Trainer.Tests.Export;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RewardsTests
{
    [Fact]
    public void Length_AroundTheTarget_IsTheRelativeDistance()
    {
        using var reward = new LengthReward(4);
        Assert.Equal([0, -0.5, -0.25], reward.Score([Completion("a", 4), Completion("a", 2), Completion("a", 5)], default));
    }

    [Fact]
    public void Regex_Matches_AreCountedInTheCompletionUpToTheLimit()
    {
        using var reward = new RegexReward("good", 2);
        Assert.Equal([0, 1, 2], reward.Score([Completion("bad"), Completion("a good one"), Completion("good good good")], default)); // the prompt is "good "
    }

    [Fact]
    public void Regex_ExponentialPattern_FailsInsteadOfHanging()
    {
        using var reward = new RegexReward("^(a+)+$", 1);
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => reward.Score([Completion(new string('a', 40) + "b")], default));
        Assert.Contains("took longer than", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Http_Endpoint_GetsPromptsAndCompletionsAndGivesRewards()
    {
        using var server = new RewardServer(request => (200, new JsonObject
        {
            ["rewards"] = new JsonArray([.. request["completions"]!.AsArray().Select(completion => JsonValue.Create(((string)completion!).Length + 0.5))]),
        }.ToJsonString()));
        using HttpReward reward = server.Client(retries: 0);
        Assert.Equal([3.5, 1.5], reward.Score([Completion("abc"), Completion("d")], default));
        Assert.Equal(["good ", "good "], server.Requests[0]["prompts"]!.AsArray().Select(prompt => (string)prompt!));
    }

    [Theory]
    [InlineData("""{"rewards": [1]}""", "answered 1 rewards for 2 completions")]
    [InlineData("""{"rewards": [1, NaN]}""", "answered something else")]
    [InlineData("""{"rewards": [1, "2"]}""", "answered something else")]
    [InlineData("""{"scores": [1, 2]}""", "answered no rewards")]
    public void Http_WrongAnswer_IsRefused(string answer, string message)
    {
        using var server = new RewardServer(_ => (200, answer));
        using HttpReward reward = server.Client(retries: 3);
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => reward.Score([Completion("a"), Completion("b")], default));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests); // the same question would get the same answer
    }

    [Fact]
    public void Http_BusyOnce_IsAskedAgain()
    {
        int calls = 0;
        using var server = new RewardServer(_ => ++calls == 1 ? (503, "") : (200, """{"rewards": [2]}"""));
        using HttpReward reward = server.Client(retries: 1);
        Assert.Equal([2.0], reward.Score([Completion("a")], default));
        Assert.Equal(2, calls);
    }

    [Fact]
    public void Http_Unreachable_IsUnavailableAfterTheRetries()
    {
        using var reward = new HttpReward(new Uri($"http://127.0.0.1:{RewardServer.FreePort()}/"), TimeSpan.FromSeconds(5), 1, TimeProvider.System);
        Assert.Throws<UnavailableException>(() => reward.Score([Completion("a")], default));
    }

    [Fact]
    public void Classifier_TinyModel_GivesTheProbabilityOfTheLabel()
    {
        using var world = new TinyTraining();
        string folder = world.Train(world.Classifier(), "classifier").Model;
        Rollout[] completions = [Completion("the film was great"), Completion("dull")];
        using var positive = ClassifierReward.Load(folder, null, world.File("export"), 1);
        using var negative = ClassifierReward.Load(folder, "NEGATIVE", world.File("export2"), 1);
        double[] high = positive.Score(completions, default), low = negative.Score(completions, default);
        Assert.All(high.Zip(low), pair => Assert.Equal(1, pair.First + pair.Second, 1e-5f)); // float32 probabilities
        Assert.NotEqual(high[0], high[1]);

        BadInputException error = Assert.Throws<BadInputException>(() => ClassifierReward.Load(folder, "GOOD", world.File("export3"), 1));
        Assert.Contains("NEGATIVE, POSITIVE", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RewardModel_CompletionsOfOneText_AreScoredByTheirIds()
    {
        using var world = new TinyTraining();
        string start = world.Train(world.Sft("max_steps=1", "schedule.warmup_steps=0"), "start").Model;
        RewardRecipe recipe = world.Reward($"model={start}", "evaluation_pairs=null", "max_steps=1");
        PreferencePairs.Write(world.File("pairs.jsonl"), [SamplePairs.Pair("a", [1, 2], (0, [3, 4]), (1, [5]))]);
        string folder = world.Train(recipe, "reward").Model;

        Rollout same = Completion("the film");
        Rollout[] completions = [same with { Ids = [40, 41, 42] }, same with { Ids = [42, 41, 40] }];
        using var reward = ClassifierReward.LoadScore(folder, start, longest: 16, world.File("export"), 1);
        double[] scores = reward.Score(completions, default);

        using var scope = NewDisposeScope();
        using ISequenceClassifier model = ModelFolder.Load<ISequenceClassifier>(folder, CPU, 0);
        model.eval();
        float[] expected = NamedParameters.Values(model.Logits(Collator.Pad([[1, 40, 41, 42], [1, 42, 41, 40]], model.Config.PadId!.Value, CPU), padded: true));
        Assert.All(expected.Zip(scores), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.NotEqual(scores[0], scores[1], 1e-4);

        Refused(folder, world.ClassifierTokenizer, 16, "has another tokenizer than the policy");
        Refused(folder, start, 17, "a context of 16 tokens");
        Refused(start, start, 16, "holds no model of one label");

        void Refused(string model, string tokenizer, int longest, string problem)
        {
            BadInputException error = Assert.Throws<BadInputException>(() => ClassifierReward.LoadScore(model, tokenizer, longest, world.File("refused"), 1));
            Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Classifier_LanguageModel_IsRefused()
    {
        using var models = new TinyModels();
        BadInputException error = Assert.Throws<BadInputException>(() => ClassifierReward.Load(models.Copy("tiny-gpt2"), null, models.At("export"), 1));
        Assert.Contains("holds no classifier", error.Message, StringComparison.Ordinal);
    }

    private static Rollout Completion(string text, int tokens = 1) =>
        new(new RolloutPrompt("p", [1], "good "), 0, [.. Enumerable.Range(1, tokens)], new float[tokens], 0, false, "good " + text, text);
}
