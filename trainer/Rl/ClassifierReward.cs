using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Rl;

/// <summary>
/// Rewards P(label) of a classifier folder on the text of prompt and completion, or a reward model's score on their ids. The engine computes it
/// in this process.
/// </summary>
internal sealed class ClassifierReward : IReward
{
    private const string Name = "reward";
    private readonly EngineHost _engine;
    private readonly EngineOptions _options;
    private readonly int _label;
    private readonly bool _readsIds;

    private ClassifierReward(EngineHost engine, EngineOptions options, int label, bool readsIds) =>
        (_engine, _options, _label, _readsIds) = (engine, options, label, readsIds);

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
            ? Load(folder, index, readsIds: false, temporary, threads)
            : throw new BadInputException($"A reward's label is '{label}'; the classifier in {folder} has {string.Join(", ", labels)}.");
    }

    /// <summary>Loads a reward model: its one label is a score. It reads the drawn ids, as in its training.</summary>
    /// <param name="folder">The reward model.</param>
    /// <param name="tokenizer">Folder of the policy's tokenizer.</param>
    /// <param name="longest">Tokens of the longest prompt and completion.</param>
    /// <param name="temporary">Folder for an export.</param>
    /// <param name="threads">Compute threads.</param>
    /// <exception cref="BadInputException">The folder holds another model, or one that cannot read the policy's ids.</exception>
    public static ClassifierReward LoadScore(string folder, string tokenizer, int longest, string temporary, int threads)
    {
        var config = ModelConfig.Load(folder);
        if (config.Labels.Count != 1)
        {
            throw new BadInputException(
                $"{folder} holds no model of one label, which a reward of kind 'reward_model' needs. Train one with: trainer reward.");
        }

        if (Fingerprint.OfTokenizer(folder) != Fingerprint.OfTokenizer(tokenizer))
        {
            throw new BadInputException(
                $"The reward model {folder} has another tokenizer than the policy ({tokenizer}), so it cannot read the policy's ids. "
                + "Train a reward model from the policy, or serve this one and use a reward of kind 'service', which sends text.");
        }

        return config.Context >= longest
            ? Load(folder, 0, readsIds: true, temporary, threads)
            : throw new BadInputException(
                $"The reward model {folder} has a context of {config.Context} tokens, but prompt and completion have up to {longest}. "
                + "Shorten the prompts, lower max_new_tokens, or give a model with a longer context.");
    }

    public double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop)
    {
        using ModelLease model = _engine.Acquire(Name);
        return
        [
            .. rollouts.Select(rollout => _readsIds ? new ClassifierInput(Ids: [.. rollout.Prompt.Ids, .. rollout.Ids]) : new ClassifierInput(rollout.Text))
                .Chunk(_options.MaxInputs)
                .SelectMany(inputs => model.ClassifyAsync(inputs).GetAwaiter().GetResult())
                .Select(result => (double)result.Probabilities[_label]),
        ];
    }

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static ClassifierReward Load(string folder, int label, bool readsIds, string temporary, int threads)
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

        return new ClassifierReward(engine, options, label, readsIds);
    }
}
