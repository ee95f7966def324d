using System.CommandLine;
using Rudder.Trainer.Commands;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;

// trainer: recipe in, run folder out.
var root = new RootCommand("Trains language models and classifiers: a recipe goes in, a run folder comes out.")
{
    RecipeCommand.Create<TokenizerRecipe>(
        "tokenizer",
        "Trains a byte-level BPE vocabulary on review texts.",
        "trainer tokenizer --recipe experiments/imdb-dpo/mini-models/tokenizer-lm.json --output runs/tokenizer",
        TokenizerTraining.Run),
    RecipeCommand.Create<SftRecipe>(
        "sft",
        "Trains a language model, from nothing or from a model folder, on texts.",
        "trainer sft --recipe experiments/imdb-dpo/mini-models/sft.json --set epochs=2",
        Sft.Run),
    RecipeCommand.Create<ClassifierRecipe>(
        "classifier",
        "Trains a text classifier on random crops of labelled reviews.",
        "trainer classifier --recipe experiments/imdb-dpo/mini-models/classifier.json --output runs/classifier",
        Classifier.Run),
    RecipeCommand.Create<PreferenceRecipe>(
        "dpo",
        "Trains a policy on preference pairs: DPO, its relatives, and mixes of them.",
        "trainer dpo --recipe experiments/imdb-dpo/dpo.json --set pairs=pairs.jsonl --set beta=0.05",
        Preference.Run),
    RecipeCommand.Create<KtoRecipe>(
        "kto",
        "Trains a policy on completions that are judged one by one, as rows {prompt, completion, label} or pairs: KTO.",
        "trainer kto --recipe kto.json --set rows=feedback.jsonl --set lambda_undesirable=0.75",
        KtoTraining.Run),
    RecipeCommand.Create<RewardRecipe>(
        "reward",
        "Trains a reward model on preference pairs: a head with one score on a language model (Bradley-Terry).",
        "trainer reward --recipe reward.json --set pairs=pairs.jsonl --set evaluation_pairs=held-out.jsonl --set centring=0.01",
        RewardTraining.Run),
    ExportCommand.Create(),
    MergeCommand.Create(),
    ScoreCommand.Create(),
    ModelsCommand.Create(),
};
foreach (Command command in OnPolicyCommands.All())
{
    root.Subcommands.Add(command);
}

return await CommandProgram.RunAsync(root, args);
