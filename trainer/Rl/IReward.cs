namespace Rudder.Trainer.Rl;

/// <summary>Scores completions. Larger is better.</summary>
internal interface IReward : IDisposable
{
    /// <summary>One finite score per completion, in order.</summary>
    /// <param name="rollouts">Completions with their prompts.</param>
    /// <param name="stop">Ends retries; an attempt under way is finished.</param>
    /// <exception cref="UnavailableException">The service that scores does not answer, even after retries.</exception>
    double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop);
}
