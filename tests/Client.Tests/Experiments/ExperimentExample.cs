using System.Text.Json.Nodes;

namespace Rudder.Client.Tests.Experiments;

/// <summary>A valid experiment file to start from.</summary>
internal static class ExperimentExample
{
    public static JsonObject Json() =>
        (JsonObject)
            JsonNode.Parse(
                """
                {
                  "name": "example", "title": "Example", "description": "An example.",
                  "variants": {
                    "demo": {
                      "description": "small",
                      "policy": { "folder": "models/a" }, "classifier": { "folder": "models/b" },
                      "pairs": { "prompts": { "file": "prompts.jsonl" } },
                      "dpo": { "recipe": "dpo.json" },
                      "betas": [0.1],
                      "learning_rate": { "value": 1e-4, "reason": "known to work" },
                      "evaluation": { "prompts": { "file": "prompts.jsonl" } }
                    }
                  }
                }
                """
            )!;
}
