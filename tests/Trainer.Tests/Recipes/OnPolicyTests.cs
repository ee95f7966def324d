using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Every on-policy recipe on the tiny world: it learns, resumes exactly, and stops when trainer and engine disagree.</summary>
public sealed class OnPolicyTests : IDisposable
{
    private readonly TinyTraining _world = new();
    private readonly string _policy;

    public OnPolicyTests() => _policy = _world.Policy();

    public static TheoryData<string, string[]> Recipes => new()
    {
        { "reinforce", ["baseline=running-mean"] },
        { "reinforce", ["alpha=0.05", "batch.samples=2", "baseline=leave-one-out"] },
        { "rloo", ["iterations=2"] },
        { "grpo", ["iterations=2", "beta=0.05", "batch.sequences=8"] },
        { "grpo", ["variant=dr-grpo"] },
        { "grpo", ["variant=dapo"] },
        { "ppo", ["batch.minibatch=3", "batch.sequences=2", "kl_target=1"] },
        { "online-dpo", ["batch.sequences=8"] },
    };

    public void Dispose() => _world.Dispose();

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Run_InterruptedAfterEveryStep_EqualsUninterruptedBitForBit(string command, string[] sets)
    {
        OnPolicyRecipe recipe = Recipe(command, sets);
        RunFolder whole = _world.Train(recipe, "whole");
        RunFolder pieces = _world.TrainInterrupted(recipe, "pieces", out int stops);

        Assert.Equal(7, stops); // 24 prompts, 6 a step, 2 epochs
        foreach (string metric in new[] { "loss", "grad_norm", "objective/scores", "kl/seq_exact", "policy/entropy_avg", "num_tokens" })
        {
            Assert.Equal(TinyTraining.Logged(whole, metric), TinyTraining.Logged(pieces, metric));
        }

        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(pieces.File("model/model.safetensors")));
        Assert.Equal(File.ReadAllText(whole.File("samples.jsonl")), File.ReadAllText(pieces.File("samples.jsonl")));
        Assert.False(Directory.Exists(whole.File("rollouts")));
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Run_RewardForALetter_RaisesTheMeanReward(string command, string[] sets)
    {
        double[] rewards = Values(_world.Train(Recipe(command, [.. sets, "epochs=10"]), "run"), "objective/scores"); // 40 steps
        Assert.True(rewards[^5..].Average() > rewards[..5].Average() + 0.5, string.Join(' ', rewards.Select(reward => reward.ToString("0.00", CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void Run_FirstStep_LogsEveryMetricAndStartsAtTheReference()
    {
        RunFolder run = _world.Train(Recipe("ppo", ["max_steps=2"]), "run");
        string[] names =
        [
            "loss", "objective/scores", "reward/letter", "objective/kl", "objective/rlhf_reward", "objective/non_score_reward", "objective/kl_coef",
            "kl/seq_exact", "kl/seq_k1", "kl/token_mean", "policy/entropy_avg", "policy/approxkl_avg", "policy/clipfrac_avg", "loss/policy_avg",
            "loss/value_avg", "val/ratio", "val/clipfrac_avg", "val/grad_norm", "rollout/logp_gap_max", "rollout/length_mean", "rollout/ended", "rollout/repetition",
            "rollout/distinct", "rollout/tokens_per_second", "time/rollout", "time/reward", "time/train", "time/update_weights", "grad_norm",
        ];
        Assert.All(names, name => Assert.True(double.IsFinite(Values(run, name)[0]), name));
        Assert.Equal(0, Values(run, "kl/seq_exact")[0], 1e-5);
        Assert.True(Values(run, "kl/seq_exact")[1] > 1e-4, "the first update should move the policy");
        Assert.True(Values(run, "rollout/logp_gap_max").Max() < 1e-4);
        Assert.True(Values(run, "policy/entropy_avg")[0] > 1);
    }

    [Fact]
    public void Run_HeldOutPrompts_AreEvaluatedAndNotTrainedOn()
    {
        RunFolder run = _world.Train(Recipe("reinforce", ["prompts.held_out=6", "epochs=1"]), "run");
        JsonElement final = JsonDocument.Parse(File.ReadAllText(run.Done)).RootElement.GetProperty("final");
        Assert.Equal(3, final.GetProperty("steps").GetInt32()); // 18 prompts left
        Assert.True(final.GetProperty("eval/reward/letter").GetDouble() >= 0);
        Assert.True(final.GetProperty("eval/kl/seq_exact").GetDouble() > 0);
        Assert.Equal(Values(run, "objective/scores")[^1], final.GetProperty("train/objective/scores").GetDouble());
    }

    [Fact]
    public void Run_GapAboveItsLimit_StopsBeforeTheStepNamingBoth()
    {
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => _world.Train(Recipe("reinforce", ["max_logp_gap=0"]), "run"));
        Assert.StartsWith("Step 1: a token's log-prob differs by", error.Message, StringComparison.Ordinal);
        Assert.Contains("max_logp_gap", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("run/model")));
        Assert.False(Directory.Exists(_world.File("run/checkpoints")));
    }

    [Fact]
    public void Run_Samples_HoldPromptCompletionRewardAndKl()
    {
        RunFolder run = _world.Train(Recipe("grpo", ["sample_every=3"]), "run");
        JsonNode[] lines = [.. File.ReadLines(run.File("samples.jsonl")).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal([1, 3, 6], lines.Select(line => (int)line["step"]!).Distinct());
        Assert.All(lines, line =>
        {
            Assert.NotEmpty((string)line["prompt"]!);
            Assert.Equal((double)line["reward"]!, ((string)line["completion"]!).Count(letter => letter == 'e'));
            Assert.Equal((double)line["reward"]!, (double)line["rewards"]!["letter"]!);
            Assert.True(Math.Abs((double)line["kl"]!) < 100);
        });
    }

    [Fact]
    public void Run_JudgeOfWeight0_IsLoggedAndChangesNothing()
    {
        const string Judged = """rewards=[{"name":"letter","kind":"regex","pattern":"e","max_matches":20},{"name":"judge","kind":"length","target":3,"weight":0}]""";
        RunFolder plain = _world.Train(Recipe("reinforce", ["max_steps=2"]), "plain"), judged = _world.Train(Recipe("reinforce", [Judged, "max_steps=2"]), "judged");
        Assert.All(Values(judged, "reward/judge"), value => Assert.InRange(value, -8, 0));
        Assert.Equal(File.ReadAllBytes(plain.File("model/model.safetensors")), File.ReadAllBytes(judged.File("model/model.safetensors")));
    }

    [Theory]
    [InlineData("reinforce", "baseline=leave-one-out", "batch.samples is 1")]
    [InlineData("grpo", "batch.samples=1", "batch.samples is 1")]
    [InlineData("rloo", "batch.samples=1", "batch.samples is 1")]
    [InlineData("reinforce", "dropout=0.1", "dropout is 0.1")]
    [InlineData("reinforce", "sampling.temperature=0.7", "allow_biased_sampling")]
    [InlineData("reinforce", "rollouts.engine=service", "rollouts.service is ''")]
    [InlineData("reinforce", """rollouts={"engine":"service","service":"unix:/x"}""", "rollouts.service is 'unix:/x'")]
    [InlineData("reinforce", "rollouts.service=http://127.0.0.1:1", "rollouts.service is given")]
    [InlineData("reinforce", "rollouts.retries=3", "rollouts.retries is given")]
    [InlineData("reinforce", "rewards=[]", "rewards is []")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"regex"}]""", "rewards[0].pattern is missing")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"regex","pattern":"("}]""", "not a regular expression")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"length","target":3,"pattern":"e"}]""", "rewards[0].pattern is given")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"lenght","target":3}]""", "rewards[0].kind is 'lenght'")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"length","targte":3}]""", "Did you mean 'target'?")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"length","target":3,"weight":0}]""", "weight 0")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"length","target":3},{"name":"a","kind":"length","target":4}]""", "two rewards are called 'a'")]
    [InlineData("reinforce", """rewards=[{"name":"a","kind":"http","url":"ftp://x"}]""", "rewards[0].url is 'ftp://x'")]
    [InlineData("reinforce", "prompts.min_tokens=4", "prompts.min_tokens is 4")]
    [InlineData("ppo", "batch.minibatch=0", "batch.minibatch is 0")]
    [InlineData("online-dpo", "loss=kto", "loss 'kto' reads more than the pairs of a step")]
    [InlineData("online-dpo", "batch.samples=1", "batch.samples is 1")]
    public void Read_BadSetting_IsRefusedNamingIt(string command, string set, string message)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => Recipe(command, [set]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("prompts.max_tokens=12", "prompts.max_tokens is 12")] // 12 + 8 tokens, context 16
    [InlineData("prompts.held_out=13", "prompts.held_out is 13")]
    public void Run_PromptsThatDoNotFit_AreRefused(string set, string message)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.Train(Recipe("reinforce", [set]), "run"));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private OnPolicyRecipe Recipe(string command, string[] sets) => _world.OnPolicy(command, _policy, sets);

    private static double[] Values(RunFolder run, string metric) => TinyTraining.Values(run, metric);
}
