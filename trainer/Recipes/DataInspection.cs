using Rudder.Checkpoints;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>One sequence as training sees it.</summary>
/// <param name="Row">Its name in the data.</param>
/// <param name="Part">text, chosen, rejected, desirable or undesirable.</param>
/// <param name="LearnedFrom">Place of the first token that is learned; the tokens before it are only read.</param>
/// <param name="Ids">Its tokens.</param>
internal sealed record DataSequence(string Row, string Part, int LearnedFrom, int[] Ids);

/// <summary>Reads a recipe's training data with the code that trains on it.</summary>
internal static class DataInspection
{
    /// <summary>The first sequences, and the tokenizer that made them.</summary>
    /// <param name="request">Command (sft, dpo, kto or reward), recipe and overrides.</param>
    /// <param name="count">Sequences at most.</param>
    /// <exception cref="BadInputException">The recipe or its data cannot be used.</exception>
    public static (TextTokenizer Tokenizer, IReadOnlyList<DataSequence> Sequences) First(RunRequest request, int count)
    {
        TextTokenizer tokenizer;
        IEnumerable<DataSequence> sequences;
        switch (request.Command)
        {
            case "sft":
                var sft = RecipeReader.Read<SftRecipe>(request.Recipe, request.Sets);
                tokenizer = ModelSource.Tokenizer(ModelSource.TokenizerFolder(sft), sft.Model);
                sequences = Texts(Sft.ReadData(sft, tokenizer, ModelSource.Config<ILanguageModel>(sft, tokenizer), null, request).Training);
                break;
            case "dpo":
                sequences = OfCompletions(RecipeReader.Read<PreferenceRecipe>(request.Recipe, request.Sets), out tokenizer);
                break;
            case "kto":
                sequences = OfCompletions(RecipeReader.Read<KtoRecipe>(request.Recipe, request.Sets), out tokenizer);
                break;
            default:
                sequences = OfCompletions(RecipeReader.Read<RewardRecipe>(request.Recipe, request.Sets), out tokenizer);
                break;
        }

        return (tokenizer, [.. sequences.Take(count)]);

        IEnumerable<DataSequence> OfCompletions(CompletionRecipe recipe, out TextTokenizer of)
        {
            string folder = recipe.Model ?? throw new BadInputException("model is missing: give the folder of the model to start from.");
            of = ModelSource.Tokenizer(recipe.Tokenizer ?? folder, folder);
            var rows = new RowSource(recipe, ModelConfig.Load(folder), null, request);
            return recipe is KtoRecipe { Rows: { } judged } ? Judged(rows.Completions(judged)) : Pairs(rows.Pairs(recipe.Pairs));
        }
    }

    private static IEnumerable<DataSequence> Texts(ISequences sequences) =>
        Enumerable.Range(0, sequences.Count).Select(i => new DataSequence(sequences.NameOf(i), "text", sequences.LearnedFrom(i), [.. sequences.Row(i)]));

    private static IEnumerable<DataSequence> Judged(LabelledData data) =>
        data.Rows.Select(row => Of(row.Group, row.Completion, row.Desirable ? "desirable" : "undesirable"));

    private static IEnumerable<DataSequence> Pairs(PreferenceData data) =>
        data.Groups.SelectMany(group => group.Pairs.SelectMany(pair => (DataSequence[])
            [Of(group, group.Completions[pair.Chosen], "chosen"), Of(group, group.Completions[pair.Rejected], "rejected")]));

    private static DataSequence Of(PreferenceGroup group, GroupCompletion completion, string part) =>
        new(group.PromptId, part, group.PromptIds.Length, [.. group.PromptIds, .. completion.Ids]);
}
