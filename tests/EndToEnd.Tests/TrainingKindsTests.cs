using System.Text.Json.Nodes;

namespace Rudder.EndToEnd.Tests;

/// <summary>An experiment with a training of every kind, run by the real programs on tiny models.</summary>
public sealed class TrainingKindsTests(TinyModels models)
{
    private const string Rewards = """[{ "name": "sentiment", "kind": "classifier", "model": "{classifier}" }]""";
    private const string Learnt = """[{ "name": "learnt", "kind": "reward_model", "model": "{reward}" }]""";

    private static string Run(TinyModels models, params string[] parts) => models.File(["kinds", "kinds-mini", .. parts]);

    [Fact]
    public async Task Run_EveryKindOfTraining_EvaluatesItsPolicyAndComparesIt()
    {
        WriteExperiment();
        (int exit, string output, string error) = await ClientAsync("");
        Assert.True(exit == 0, error);
        string[] policies = ["reference", "ipo", "kto", "reinforce-alpha-0", "reinforce-alpha-0.5", "rloo", "grpo", "ppo", "online"];
        JsonArray summary = JsonNode.Parse(File.ReadAllText(Run(models, "summary.json")))!["policies"]!.AsArray();
        Assert.Equal(policies, summary.Select(policy => policy!["name"]!.ToString()));
        Assert.All(policies, policy => Assert.Contains(policy, output, StringComparison.Ordinal));
        foreach (string model in (string[])[.. policies, "reward"])
        {
            JsonNode compared = JsonNode.Parse(File.ReadAllText(Run(models, $"compare-{model}", "comparison.json")))!;
            Assert.Equal(model == "reward", compared["reward_model_accuracy"] is not null);
            Assert.Equal(model != "reward", compared["reward_model_score"] is not null);
        }

        string page = File.ReadAllText(Run(models, "report.html"));
        foreach (string section in (string[])["Comparison", "Samples during training", "reward/learnt", "Wall time of each stage"])
        {
            Assert.Contains(section, page, StringComparison.Ordinal);
        }

        await RequireOnlyRunsOneStageAsync();
    }

    /// <summary>--only runs a stage again and no other; afterwards, the whole run keeps all other stages.</summary>
    private async Task RequireOnlyRunsOneStageAsync()
    {
        (int exit, _, string error) = await ClientAsync("--only evaluate-kto");
        Assert.True(exit == 0, error);
        Assert.Contains("evaluate-kto: starting", error, StringComparison.Ordinal);
        Assert.DoesNotContain("evaluate-rloo", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Run(models, "summary.json")));
        (int again, _, string log) = await ClientAsync("");
        Assert.True(again == 0, log);
        Assert.DoesNotContain("starting", log, StringComparison.Ordinal);
        Assert.True(File.Exists(Run(models, "summary.json")));
    }

    private Task<(int Exit, string Output, string Error)> ClientAsync(string more) =>
        Programs.RunAsync(Programs.Find("Client", "client"), models.Folder, $"run kinds.json --variant mini --runs kinds {more}");

    private void WriteExperiment()
    {
        const string Common = """ "threads": 1, "optimizer": { "name": "adamw", "learning_rate": 0.01 }, "evaluate_every": 0, "max_steps": 2 """;
        const string Prompts = """ "prompts": { "files": ["reviews.jsonl"], "min_tokens": 2, "max_tokens": 8 }, "max_new_tokens": 6, "sample_every": 1 """;
        File.WriteAllText(models.File("kinds-pairs.json"), $$"""{ "name": "pairs", {{Common}} }""");
        File.WriteAllText(
            models.File("kinds-own.json"), $$"""{ "name": "own", {{Common}}, {{Prompts}}, "batch": { "prompts": 4, "samples": 2, "sequences": 8 } }""");
        File.WriteAllText(
            models.File("kinds.json"),
            $$"""
            { "name": "kinds", "title": "Kinds", "description": "A training of every kind.",
              "variants": { "mini": {
                "description": "seconds",
                "policy": { "folder": "policy/model" }, "classifier": { "folder": "classifier/model" },
                "pairs": { {{Drawn(0, 12)}}, "limit": 20 }, "held_out": { {{Drawn(40, 6)}} },
                "trainings": [
                  { "name": "ipo", "kind": "dpo", "recipe": "kinds-pairs.json", "set": { "loss": "ipo" } },
                  { "name": "kto", "kind": "kto", "recipe": "kinds-pairs.json" },
                  { "name": "reward", "kind": "reward", "recipe": "kinds-pairs.json" },
                  { "name": "reinforce", "kind": "reinforce", "recipe": "kinds-own.json", "set": { "rewards": {{Rewards}} }, "sweep": { "key": "alpha", "values": [0, 0.5] } },
                  { "name": "rloo", "kind": "rloo", "recipe": "kinds-own.json", "set": { "rewards": {{Rewards}} } },
                  { "name": "grpo", "kind": "grpo", "recipe": "kinds-own.json", "set": { "rewards": {{Learnt}} } },
                  { "name": "ppo", "kind": "ppo", "recipe": "kinds-own.json", "set": { "rewards": {{Learnt}}, "batch.minibatch": 4 } },
                  { "name": "online", "kind": "online-dpo", "recipe": "kinds-own.json", "set": { "rewards": {{Learnt}} } }
                ],
                "comparison": { "reward_model": "reward" },
                "evaluation": { "prompts": { "file": "reviews.jsonl", "format": "reviews", "skip": 150, "take": 6, "cut": { "min": 2, "max": 8 } }, "samples": 2, "max_new_tokens": 6 }
              } } }
            """);
    }

    private static string Drawn(int skip, int take) =>
        $$"""
        "prompts": { "file": "reviews.jsonl", "format": "reviews", "skip": {{skip}}, "take": {{take}}, "cut": { "min": 2, "max": 8 } }, "samples": 3, "max_new_tokens": 6
        """;
}
