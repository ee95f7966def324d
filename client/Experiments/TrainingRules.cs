using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>The rules of a variant's trainings, checked before any work starts.</summary>
internal static class TrainingRules
{
    private static readonly string[] Decided = ["model", "seed"];
    private static readonly string[] Taken = [PairFiles.Training, PairFiles.HeldOut, "stages", "logs"];

    /// <summary>Throws a <see cref="BadInputException"/> that names the setting, its value and its limit.</summary>
    public static void Validate(Variant variant, string where)
    {
        IReadOnlyList<Training> trainings = variant.AllTrainings();
        Require(
            variant.Sft is null || trainings.All(training => training.Name != ModelStages.SftName), where,
            $"a training is named {ModelStages.SftName}, as is the fine-tuning that comes first; rename it.");
        Require(trainings.DistinctBy(training => training.Name).Count() == trainings.Count, where, "two trainings have the same name.");
        HashSet<string> known = ["reference", "classifier"];
        known.UnionWith(variant.Pairs is null ? [] : ["pairs"]);
        known.UnionWith(variant.HeldOut is null ? [] : ["held_out"]);
        foreach (Training training in trainings)
        {
            string place = $"{where}, training {training.Name}";
            Validate(training, place);
            Require(
                !training.UsesPairs() || variant.Pairs is not null, place,
                $"kind is {training.Kind}, which learns from pairs, but the variant has no pairs.");
            string? unknown = training.Changes().Values.SelectMany(RecipeValues.Placeholders).FirstOrDefault(name => !known.Contains(name));
            string names = string.Join(", ", known.Select(name => $"{{{name}}}"));
            Require(unknown is null, place, $"set names {{{unknown}}}.{Spelling.Hint(unknown ?? "", known)} Known here: {names}.");
            if (training.Sweep is null)
            {
                known.Add(training.Name);
            }
        }

        string? twice = trainings.SelectMany(training => training.Runs(variant.Seed))
            .GroupBy(one => one.Stage)
            .FirstOrDefault(same => same.Count() > 1)?.Key;
        Require(twice is null, where, $"two trainings make a stage '{twice}'; rename one of them.");
    }

    private static void Validate(Training training, string where)
    {
        VariantRules.RequireName(training.Name, "name", where);
        Require(!Taken.Contains(training.Name), where, "this name belongs to a part of every run; choose another.");
        Require(
            Training.Kinds.Contains(training.Kind), where,
            $"kind is '{training.Kind}'.{Spelling.Hint(training.Kind, Training.Kinds)} It must be one of {string.Join(", ", Training.Kinds)}.");
        string? decided = training.Changes().Keys.FirstOrDefault(Decided.Contains);
        Require(decided is null, where, $"set holds {decided}, which the run decides itself. Leave it out.");
        if (training.Sweep is { } sweep)
        {
            Require(sweep.Values.Count > 0, where, "sweep.values is empty; name at least one, e.g. [0.1].");
            Require(sweep.Values.Distinct().Count() == sweep.Values.Count, where, "sweep.values holds a value twice.");
        }

        if (training.Seeds is { } seeds)
        {
            Require(seeds.Count > 0, where, "seeds is empty; leave it out to take the variant's seed.");
            Require(seeds.All(seed => seed <= int.MaxValue), where, $"seeds holds a value above {int.MaxValue}, the trainer's limit.");
            Require(seeds.Distinct().Count() == seeds.Count, where, "seeds holds a value twice.");
        }

        if (training.LearningRate is { } choice)
        {
            VariantRules.LearningRate(choice, $"{where}, learning_rate");
            Require(
                choice.Candidates is null || training.GivesPolicy(), where,
                "learning_rate.candidates are compared by reward and KL, which a reward model lacks. Give a value with its reason.");
        }
    }

    private static void Require(bool holds, string where, string message) => VariantRules.Require(holds, where, message);
}
