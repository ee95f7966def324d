namespace Rudder.Trainer.Rl;

/// <summary>Scores completions. Larger is better.</summary>
internal interface IReward : IDisposable
{
    /// <summary>One finite score per completion, in order.</summary>
    /// <param name="rollouts">Completions with their prompts.</param>
    /// <param name="stop">Ends retries; an attempt under way is finished.</param>
    /// <exception cref="RewardUnavailableException">What scores does not answer, also after retries.</exception>
    double[] Score(IReadOnlyList<Rollout> rollouts, CancellationToken stop);
}

/// <summary>A reward that lies outside this process does not answer. The run can be resumed when it does.</summary>
internal sealed class RewardUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
