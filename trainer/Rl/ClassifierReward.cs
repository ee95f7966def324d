using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Rl;

/// <summary>Rewards P(label) of a classifier folder on the text of prompt and completion, computed by the engine in this process.</summary>
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
        int index = label is null ? labels.Count - 1 : labels.ToList().IndexOf(label);
        if (index < 0)
        {
            throw new BadInputException(labels.Count == 0
                ? $"{folder} holds no classifier, which a reward of kind 'classifier' needs."
                : $"A reward's label is '{label}'; the classifier in {folder} has {string.Join(", ", labels)}.");
        }

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

        return new ClassifierReward(engine, options, index);
    }

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop) =>
    [
        .. rollouts.Select(rollout => rollout.Text)
            .Chunk(_options.MaxInputs)
            .SelectMany(texts => _engine.ClassifyAsync(Name, texts).GetAwaiter().GetResult())
            .Select(result => (double)result.Probabilities[_label]),
    ];

    /// <inheritdoc/>
    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
