using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Tests;

namespace Rudder.Trainer.Soak;

/// <summary>Every training recipe on the tiny world, with the settings that carry state from step to step.</summary>
internal static class TrainingRecipes
{
    /// <summary>The trainer's commands that train a model.</summary>
    public static readonly string[] Commands = ["sft", "classifier", "dpo", "kto", "reward", "reinforce", "rloo", "grpo", "ppo", "online-dpo"];

    /// <summary>Those that <c>RUDDER_SOAK_COMMANDS</c> lists, separated by commas; all where it is not set.</summary>
    public static IEnumerable<string> Chosen() => Environment.GetEnvironmentVariable("RUDDER_SOAK_COMMANDS") is { Length: > 0 } list
        ? list.Split(',').Select(name => Commands.Contains(name)
            ? name
            : throw new InvalidOperationException($"RUDDER_SOAK_COMMANDS names '{name}'; it takes {string.Join(", ", Commands)}."))
        : Commands;

    /// <summary>The recipe of a command.</summary>
    /// <param name="command">One of <see cref="Commands"/>.</param>
    /// <param name="world">Holds data, tokenizers and the policies' start.</param>
    /// <param name="sets">Overrides, <c>dotted.path=value</c>.</param>
    public static TrainingRecipe Of(string command, TinyTraining world, params string[] sets) => command switch
    {
        "sft" => world.Sft(sets),                            // dropout, accumulation, a cosine schedule
        "classifier" => world.Classifier(sets),              // dropout, random crops
        "dpo" => world.Preference(["dropout=0.1", """reference={"sync_every":2,"mixup":0.5}""", .. sets]),
        "kto" => world.Kto([$"pairs={Pairs(world)}", "dropout=0.1", "batch.accumulation=2", .. sets]),
        "reward" => world.Reward(["dropout=0.1", "centring=0.01", "batch.groups=1", "batch.accumulation=2", .. sets]),
        "reinforce" => world.OnPolicy<ReinforceRecipe>(Policy(world), ["baseline=running-mean", "alpha=0.05", .. sets]),
        "rloo" => world.OnPolicy<RlooRecipe>(Policy(world), ["iterations=2", .. sets]),
        "grpo" => world.OnPolicy<GrpoRecipe>(Policy(world), ["iterations=2", "beta=0.05", "batch.sequences=8", .. sets]),
        "ppo" => world.OnPolicy<PpoRecipe>(Policy(world), ["batch.minibatch=3", "kl_target=1", .. sets]),
        "online-dpo" => world.OnPolicy<OnlineDpoRecipe>(Policy(world), ["batch.sequences=8", .. sets]),
        _ => throw new ArgumentException($"'{command}' is not one of {string.Join(", ", Commands)}.", nameof(command)),
    };

    private static string Pairs(TinyTraining world)
    {
        world.Preference();                                  // writes the file
        return world.File("pairs.jsonl");
    }

    private static string Policy(TinyTraining world)
    {
        string folder = world.File("policy/model");
        if (!Directory.Exists(folder))
        {
            // Wide enough that a leaked copy of its weights shows: 0.5 MB.
            world.Train(world.Sft("evaluate_every=0", "architecture.hidden_size=64"), "policy");
        }

        return folder;
    }
}
