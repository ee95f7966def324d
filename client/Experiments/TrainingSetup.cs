using System.Text.Json.Nodes;
using Rudder.Client.Runs;

namespace Rudder.Client.Experiments;

/// <summary>What the runs of trainings are given: recipe values, files, and results of other stages.</summary>
/// <param name="run">The run they belong to.</param>
internal sealed class TrainingSetup(RunContext run)
{
    private const string PairsKey = "pairs";
    private const string EvaluationPairsKey = "evaluation_pairs";
    private readonly ModelStages _models = new(run);

    private string Pairs => PairFiles.PathIn(run.Root, PairFiles.Training);

    private string HeldOut => PairFiles.PathIn(run.Root, PairFiles.HeldOut);

    /// <summary>Recipe values by dotted path: those that the run decides, then the variant's, then the sweep's.</summary>
    /// <param name="one">The run of the training.</param>
    /// <param name="reference">Folder of the reference, from which it starts.</param>
    /// <param name="classifier">Folder of the classifier.</param>
    public Dictionary<string, JsonNode> Values(TrainingRun one, string reference, string classifier)
    {
        Dictionary<string, JsonNode> set = new() { ["model"] = reference, ["seed"] = one.Seed };
        if (Takes(one, PairsKey))
        {
            set[PairsKey] = Pairs;
        }

        if (Takes(one, EvaluationPairsKey))
        {
            set[EvaluationPairsKey] = HeldOut;
        }

        Dictionary<string, string> known = new()
        {
            ["reference"] = reference,
            ["classifier"] = classifier,
            ["pairs"] = Pairs,
            ["held_out"] = HeldOut,
        };
        foreach (TrainingRun earlier in Earlier(one))
        {
            known[earlier.Training.Name] = _models.ModelOf(earlier.Stage);
        }

        foreach ((string key, JsonNode value) in one.Training.Changes())
        {
            set[key] = RecipeValues.Fill(value, known);
        }

        if (one.Value is { } swept)
        {
            set[one.Training.Sweep!.Key] = swept;
        }

        ModelStages.AddGraphs(set, run.Variant.Precision);
        return set;
    }

    /// <summary>Stages whose results a training reads.</summary>
    /// <param name="one">The run of the training.</param>
    /// <param name="reference">Stage of the reference.</param>
    /// <param name="classifier">Stage of the classifier.</param>
    public string[] Needs(TrainingRun one, string reference, string classifier)
    {
        HashSet<string> named = [.. one.Training.Changes().Values.SelectMany(RecipeValues.Placeholders)];
        string[] trials = [.. (one.Training.LearningRate?.Candidates ?? []).Select(rate => LearningRateSearch.Stage(one.Training, rate))];
        IEnumerable<(string Stage, bool Needed)> own =
        [
            (reference, true),
            (classifier, named.Contains("classifier")),
            (PairFiles.Training, Takes(one, PairsKey) || named.Contains("pairs")),
            (PairFiles.HeldOut, Takes(one, EvaluationPairsKey) || named.Contains("held_out")),
        ];
        return
        [
            .. own.Where(stage => stage.Needed).Select(stage => stage.Stage),
            .. Earlier(one).Where(earlier => named.Contains(earlier.Training.Name)).Select(earlier => earlier.Stage),
            .. trials.Contains(one.Stage) ? [] : trials.Select(LearningRateSearch.EvaluationOf),
        ];
    }

    /// <summary>The recipe and the files it names, except those that the run makes.</summary>
    /// <param name="recipe">Recipe file.</param>
    /// <param name="set">Values that take the place of the recipe's, by dotted path.</param>
    public IEnumerable<StageInput> Inputs(string recipe, Dictionary<string, JsonNode> set)
    {
        IEnumerable<string> files = File.Exists(recipe) ? RecipeValues.Files(RecipeValues.With(StageInputs.Recipe(recipe), set)) : [];
        return files.Where(path => !path.StartsWith(run.Root, StringComparison.Ordinal))
            .Prepend(recipe)
            .Select(path => new StageInput(path));
    }

    /// <summary>Whether a run takes the variant's pairs under this key of its recipe.</summary>
    private bool Takes(TrainingRun one, string key) =>
        one.Training.UsesPairs() && !one.Training.Changes().ContainsKey(key) && (key == PairsKey || run.Variant.HeldOut is not null);

    /// <summary>Runs of earlier trainings that a run may name: without a sweep, and with the same seed.</summary>
    private IEnumerable<TrainingRun> Earlier(TrainingRun one) =>
        run.Variant.AllTrainings()
            .TakeWhile(training => training.Name != one.Training.Name)
            .Where(training => training.Sweep is null)
            .SelectMany(training => training.Runs(run.Variant.Seed))
            .Where(earlier => earlier.Training.Seeds is null || earlier.Seed == one.Seed);
}
