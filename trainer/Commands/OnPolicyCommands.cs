using System.CommandLine;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Commands;

/// <summary>The commands that train a policy on its own completions.</summary>
internal static class OnPolicyCommands
{
    /// <summary>One command per recipe.</summary>
    public static IEnumerable<Command> All() =>
    [
        RecipeCommand.Create<ReinforceRecipe>(
            "reinforce",
            "Trains a policy on rewards of its own completions with REINFORCE: a baseline, and optionally the exact KL in the loss.",
            "trainer reinforce --recipe experiments/reinforce/reinforce.json --set alpha=0.1 --set baseline=running-mean",
            Reinforce.Run),
        RecipeCommand.Create<RlooRecipe>(
            "rloo",
            "Trains a policy on rewards of its own completions, each compared with the other completions of its prompt.",
            "trainer rloo --recipe rloo.json --set batch.samples=8 --set kl_coef=0.02",
            Rloo.Run),
        RecipeCommand.Create<GrpoRecipe>(
            "grpo",
            "Trains a policy with GRPO, Dr. GRPO or DAPO: advantages within each prompt's group of completions.",
            "trainer grpo --recipe grpo.json --set variant=dapo --set iterations=2",
            Grpo.Run),
        RecipeCommand.Create<PpoRecipe>(
            "ppo",
            "Trains a policy with PPO: a value model, the KL in the reward, and several clipped updates per step.",
            "trainer ppo --recipe ppo.json --set kl_target=6 --set ppo_epochs=2",
            Ppo.Run),
        RecipeCommand.Create<OnlineDpoRecipe>(
            "online-dpo",
            "Trains a policy with a preference loss on pairs of its own completions, ranked by their reward.",
            "trainer online-dpo --recipe online-dpo.json --set loss=ipo --set beta=0.2",
            OnlineDpo.Run),
    ];
}
