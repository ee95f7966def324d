using System.Text.Json.Nodes;
using Rudder.Client.Evaluation;
using Rudder.Client.Pairs;
using Rudder.Client.Runs;
using static System.FormattableString;

namespace Rudder.Client.Experiments;

/// <summary>All stages of a run in their order, and the policies that they make. Before a stage runs, only recipes are read.</summary>
internal sealed class ExperimentStages
{
    private const string ReferenceStage = $"export-{RunContext.ReferenceName}";
    private const string ClassifierStage = $"export-{RunContext.ClassifierName}";

    private readonly RunContext _run;
    private readonly ModelStages _models;
    private readonly ServedStages _served;
    private readonly TrainingSetup _setup;
    private readonly List<Stage> _stages = [];
    private readonly List<ServedPolicy> _policies = [];
    private readonly List<string> _comparisons = [];

    /// <summary>Plans the stages of a run.</summary>
    public ExperimentStages(RunContext run)
    {
        (_run, _models, _served, _setup) = (run, new ModelStages(run), new ServedStages(run), new TrainingSetup(run));
        Rates = new LearningRateSearch(run);
        if (run.Variant.Forecast is { } forecast)
        {
            _stages.Add(new ForecastScores(run, forecast).Stage());
            return;
        }

        AddModels();
        AddPairs(PairFiles.Training, run.Variant.Pairs);
        AddPairs(PairFiles.HeldOut, run.Variant.HeldOut);
        foreach (Training training in run.Variant.AllTrainings())
        {
            AddTrials(training);
            foreach (TrainingRun one in training.Runs(run.Variant.Seed))
            {
                AddTraining(one);
            }
        }

        foreach (ServedPolicy policy in _policies)
        {
            AddEvaluation(EvaluationOf(policy), policy, run.Variant.Evaluation!);
        }

        if (run.Variant.Comparison is { } comparison)
        {
            AddComparisons(run.Variant.AllTrainings().Single(training => training.Name == comparison.RewardModel));
        }
    }

    /// <summary>The stages.</summary>
    public IReadOnlyList<Stage> All => _stages;

    /// <summary>The reference, then the policies in the order of their trainings.</summary>
    public IReadOnlyList<ServedPolicy> Policies => _policies;

    /// <summary>Stages that compare models.</summary>
    public IReadOnlyList<string> Comparisons => _comparisons;

    /// <summary>Learning rates of the trainings.</summary>
    public LearningRateSearch Rates { get; }

    private string ReferenceName => _run.Variant.Sft is null ? ReferenceStage : ModelStages.SftName;

    private string Reference => _models.ModelOf(ReferenceName);

    private string ClassifierName => _run.Variant.Classifier!.Training ?? ClassifierStage;

    private string Classifier => _models.ModelOf(ClassifierName);

    /// <summary>Stage that evaluates a policy.</summary>
    public static string EvaluationOf(ServedPolicy policy) => $"evaluate-{policy.Name}";

    private void AddModels()
    {
        SourceModel policy = _run.Variant.Policy!;
        if (_run.Variant.Sft is { } sft)
        {
            Dictionary<string, JsonNode> set = _models.FineTuningValues();
            Add(
                ModelStages.SftName, $"trainer sft with {sft.Recipe}", [], [ModelInput(policy), .. _setup.Inputs(sft.Recipe, set)],
                cancel => _models.TrainAsync("sft", ModelStages.SftName, sft.Recipe, set, cancel));
        }
        else
        {
            AddExport(ReferenceStage, policy);
        }

        if (_run.Variant.Classifier is { Training: null } classifier)
        {
            AddExport(ClassifierStage, classifier);
        }

        _policies.Add(new ServedPolicy(RunContext.ReferenceName, null, Reference, null));
    }

    private void AddExport(string name, SourceModel model) =>
        Add(name, $"export {model.Folder}", [], [ModelInput(model)], cancel => _models.ExportAsync(name, model.Folder!, cancel));

    private void AddPairs(string name, PairsStage? wanted)
    {
        if (wanted is not null)
        {
            string what = wanted.Texts is { } texts
                ? $"pairs of {string.Join(", ", texts.Files)}"
                : $"{wanted.Samples} completions of {Count(wanted.Prompts!)} prompts, ranked";
            IEnumerable<StageInput> inputs = wanted.Texts is { Files: var files }
                ? files.Select(file => new StageInput(file))
                : PromptInputs(wanted.Prompts!);
            string[] after = wanted.Texts is null ? [ReferenceName, ClassifierName] : [ReferenceName];
            Add(name, what, after, inputs, cancel => _served.PairsAsync(name, wanted, Reference, Classifier, cancel));
        }
    }

    /// <summary>A training and an evaluation for each learning rate that is tried.</summary>
    private void AddTrials(Training training)
    {
        foreach (double rate in training.LearningRate?.Candidates ?? [])
        {
            double? value = training.Sweep is null ? null : training.LearningRate!.Beta;
            string stage = LearningRateSearch.Stage(training, rate);
            TrainingRun trial = new(training, value, _run.Variant.Seed, stage);
            AddTraining(trial, $", learning rate {ModelStages.Text(rate)}", () => rate, training.LearningRate!.Set);
            ServedPolicy policy = new(stage, trial.Beta, _models.ModelOf(stage), stage);
            AddEvaluation(LearningRateSearch.EvaluationOf(stage), policy, training.LearningRate!.Development!);
        }
    }

    private void AddTraining(TrainingRun one)
    {
        AddTraining(one, "", () => Rates.Of(one.Training)?.Value);
        if (one.Training.GivesPolicy())
        {
            _policies.Add(new ServedPolicy(one.Stage, one.Beta, _models.ModelOf(one.Stage), one.Stage));
        }
    }

    private void AddTraining(TrainingRun one, string more, Func<double?> rate, IReadOnlyDictionary<string, JsonNode>? change = null)
    {
        Training training = one.Training;
        Dictionary<string, JsonNode> set = _setup.Values(one, Reference, Classifier);
        foreach ((string key, JsonNode changed) in change ?? new Dictionary<string, JsonNode>())
        {
            set[key] = changed;
        }

        string sweep = one.Value is { } value ? Invariant($", {training.Sweep!.Key} {value}") : "";
        Add(
            one.Stage, $"trainer {training.Kind} with {training.Recipe}{sweep}{more}, seed {one.Seed}",
            _setup.Needs(one, ReferenceName, ClassifierName), _setup.Inputs(training.Recipe, set),
            cancel =>
            {
                if (rate() is { } chosen)
                {
                    set["optimizer.learning_rate"] = chosen;
                }

                return _models.TrainAsync(training.Kind, one.Stage, training.Recipe, set, cancel);
            });
    }

    private void AddEvaluation(string stage, ServedPolicy policy, EvaluationPlan wanted) =>
        Add(
            stage, $"{wanted.Samples} completions of {Count(wanted.Prompts)} prompts: reward and KL of {policy.Name}",
            [policy.Training ?? ReferenceName, ReferenceName, ClassifierName], PromptInputs(wanted.Prompts),
            cancel => _served.EvaluateAsync(stage, policy, Reference, Classifier, wanted, cancel));

    private void AddComparisons(Training reward)
    {
        ComparisonStages comparison = new(_run);
        TrainingRun[] models = [.. reward.Runs(_run.Variant.Seed)];
        foreach (TrainingRun model in models)
        {
            AddComparison(model.Stage, [model.Stage], cancel => comparison.RewardModelAsync(model.Stage, cancel));
        }

        var seeds = _run.Variant.AllTrainings()
            .SelectMany(training => training.Runs(_run.Variant.Seed))
            .ToDictionary(one => one.Stage, one => one.Seed);
        foreach (ServedPolicy policy in _policies)
        {
            string judge = models.FirstOrDefault(model => policy.Training is { } own && model.Seed == seeds[own], models[0]).Stage;
            AddComparison(
                policy.Name, [EvaluationOf(policy), policy.Training ?? ReferenceName, ReferenceName, judge],
                cancel => comparison.PolicyAsync(policy, Reference, judge, cancel));
        }
    }

    private void AddComparison(string model, string[] after, Func<CancellationToken, Task> body)
    {
        string stage = ComparisonStages.StageOf(model);
        Add(stage, $"preference accuracies of {model} on the held-out pairs", [.. after, PairFiles.HeldOut], [], body);
        _comparisons.Add(stage);
    }

    private void Add(string name, string what, string[] after, IEnumerable<StageInput> inputs, Func<CancellationToken, Task> body) =>
        _stages.Add(new Stage(name, what, after, [.. inputs.DistinctBy(input => input.Path)], body));

    private static StageInput ModelInput(SourceModel model) => new(model.Folder!, IsModel: true, model.Download);

    private static IEnumerable<StageInput> PromptInputs(PromptSource prompts) =>
        ((string[])[prompts.File, .. prompts.Exclude ?? []]).Select(file => new StageInput(file));

    private static string Count(PromptSource prompts) => prompts.Take == 0 ? "all" : Invariant($"{prompts.Take}");
}
