using System.Text.Json.Nodes;
using Rudder.Client.Processes;
using Rudder.Tests;

[assembly: AssemblyFixture(typeof(Rudder.EndToEnd.Tests.TinyModels))]

namespace Rudder.EndToEnd.Tests;

/// <summary>A policy and a classifier of a few thousand parameters with their own tokenizers, trained in seconds by the real trainer.</summary>
public sealed class TinyModels : IAsyncLifetime
{
    private const int Reviews = 240;

    /// <summary>Current folder of every program in these tests.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("rudder-end-to-end-").FullName;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        WriteReviews();
        const string Architecture = "\"architecture\":{\"layers\":1,\"heads\":2,\"hidden_size\":16,\"context\":64}";
        const string Short = "\"seed\":0,\"threads\":1,\"max_steps\":4,\"export\":{\"fp32\":false}";
        await TrainAsync(
            "tokenizer",
            "tokenizer-lm",
            """{"name":"a","family":"gpt2","vocabulary_size":400,"data":{"files":["reviews.jsonl"]}}"""
        );
        await TrainAsync(
            "tokenizer",
            "tokenizer-classifier",
            """{"name":"b","family":"roberta","vocabulary_size":400,"data":{"files":["reviews.jsonl"]}}"""
        );
        await TrainAsync(
            "sft",
            "policy",
            "{\"name\":\"p\","
                + Architecture
                + ","
                + Short
                + ",\"tokenizer\":\"tokenizer-lm/model\",\"data\":{\"files\":[\"reviews.jsonl\"],\"mode\":\"reviews\",\"held_out\":10},\"batch\":{\"sequences\":8,\"length\":32}}"
        );
        await TrainAsync(
            "classifier",
            "classifier",
            "{\"name\":\"c\","
                + Architecture
                + ","
                + Short
                + ",\"tokenizer\":\"tokenizer-classifier/model\",\"data\":{\"files\":[\"reviews.jsonl\"],\"held_out\":20,\"min_length\":4,\"max_length\":16,\"opening\":8},\"batch\":{\"sequences\":8}}"
        );
        WriteExperiment();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // A test that fails between a kill and the next run leaves what the killed client had started.
        foreach (string ledger in Directory.GetFiles(Folder, "processes.json", SearchOption.AllDirectories))
        {
            await new ProcessLedger(ledger, _ => { }).StopLeftoversAsync(CancellationToken.None);
        }

        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A path in the folder.</summary>
    public string File(params string[] parts) => Path.Combine([Folder, .. parts]);

    private void WriteReviews()
    {
        IEnumerable<string> openings = System
            .IO.File.ReadLines(Path.Combine(SharedFolder.Root, "experiments", "imdb-dpo", "prompts.jsonl"))
            .Take(Reviews)
            .Select(line => JsonNode.Parse(line)!["text"]!.ToString());
        System.IO.File.WriteAllLines(
            File("reviews.jsonl"),
            openings.Select(
                (text, i) =>
                    new JsonObject
                    {
                        ["id"] = $"r{i}",
                        ["text"] = text + (i % 2 == 1 ? " was good and I liked it." : " was bad and I left early."),
                        ["label"] = i % 2,
                    }.ToJsonString()
            )
        );
    }

    private async Task TrainAsync(string command, string name, string recipe)
    {
        await System.IO.File.WriteAllTextAsync(File(name + ".json"), recipe);
        (int exit, _, string error) = await Programs.RunAsync(
            Programs.Find("Trainer", "trainer"),
            Folder,
            $"{command} --recipe {name}.json --output {name}"
        );
        Assert.True(exit == 0, error);
    }

    private void WriteExperiment()
    {
        System.IO.File.WriteAllText(
            File("dpo.json"),
            """
            { "name": "tiny-dpo", "threads": 1, "batch": { "groups": 4 }, "optimizer": { "name": "adamw", "learning_rate": 0.01 },
              "checkpoint_every": 1, "evaluate_every": 0, "export": { "fp32": true, "int8": false } }
            """
        );
        System.IO.File.WriteAllText(
            File("experiment.json"),
            """
            { "name": "tiny", "title": "Tiny", "description": "A few thousand parameters.",
              "variants": { "demo": {
                "description": "seconds",
                "policy": { "folder": "policy/model" }, "classifier": { "folder": "classifier/model" },
                "pairs": { "prompts": { "file": "reviews.jsonl", "format": "reviews", "take": 24, "cut": { "min": 2, "max": 8 } }, "samples": 3, "max_new_tokens": 6, "batch": 4 },
                "dpo": { "recipe": "dpo.json" }, "betas": [0.1],
                "learning_rate": { "candidates": [0.01], "kl_limit": 1000,
                  "development": { "prompts": { "file": "reviews.jsonl", "format": "reviews", "skip": 100, "take": 8, "cut": { "min": 2, "max": 8 } }, "samples": 2, "max_new_tokens": 6 } },
                "evaluation": { "prompts": { "file": "reviews.jsonl", "format": "reviews", "skip": 150, "take": 20, "cut": { "min": 2, "max": 8 } }, "samples": 2, "max_new_tokens": 6, "batch": 4 }
              } } }
            """
        );
    }
}
