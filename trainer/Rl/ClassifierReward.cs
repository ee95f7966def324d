using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Rl;

/// <summary>
/// Rewards P(label) of a classifier folder, or a reward model's score, on the text of prompt and completion. The engine computes it in this
/// process.
/// </summary>
internal sealed class ClassifierReward : IReward
{
    private const string Name = "reward";
    private readonly EngineHost _engine;
    private readonly EngineOptions _options;
    private readonly int _label;

    private ClassifierReward(EngineHost engine, EngineOptions options, int label) => (_engine, _options, _label) = (engine, options, label);

    /// <summary>Loads a classifier. One without exported graphs is exported into a temporary folder first.</summary>
    /// <param name="folder">The classifier.</param>
    /// <param name="label">The label whose probability is the reward; null for the last one.</param>
    /// <param name="temporary">Folder for an export.</param>
    /// <param name="threads">Compute threads.</param>
    /// <exception cref="BadInputException">The folder holds no classifier, or it has no such label.</exception>
    public static ClassifierReward Load(string folder, string? label, string temporary, int threads)
    {
        IReadOnlyList<string> labels = ModelConfig.Load(folder).Labels;
        if (labels.Count < 2)
        {
            throw new BadInputException($"{folder} holds no classifier of two or more labels, which a reward of kind 'classifier' needs.");
        }

        int index = label is null ? labels.Count - 1 : labels.ToList().IndexOf(label);
        return index >= 0
            ? Load(folder, index, temporary, threads)
            : throw new BadInputException($"A reward's label is '{label}'; the classifier in {folder} has {string.Join(", ", labels)}.");
    }

    /// <summary>Loads a reward model: its one label is a score.</summary>
    /// <param name="folder">The reward model.</param>
    /// <param name="temporary">Folder for an export.</param>
    /// <param name="threads">Compute threads.</param>
    /// <exception cref="BadInputException">The folder holds another model.</exception>
    public static ClassifierReward LoadScore(string folder, string temporary, int threads) =>
        ModelConfig.Load(folder).Labels.Count == 1
            ? Load(folder, 0, temporary, threads)
            : throw new BadInputException(
                $"{folder} holds no model of one label, which a reward of kind 'reward_model' needs. Train one with: trainer reward.");

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) =>
    [
        .. rollouts.Select(rollout => rollout.Text)
            .Chunk(_options.MaxInputs)
            .SelectMany(texts => _engine.ClassifyAsync(Name, texts).GetAwaiter().GetResult())
            .Select(result => (double)result.Probabilities[_label]),
    ];

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static ClassifierReward Load(string folder, int label, string temporary, int threads)
    {
        var options = new EngineOptions { Threads = threads };
        var engine = new EngineHost(options);
        try
        {
            engine.LoadAsync(new ModelSource(Name, RawExport.WithGraphs(folder, temporary))).GetAwaiter().GetResult();
        }
        catch
        {
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }

        return new ClassifierReward(engine, options, label);
    }
}
