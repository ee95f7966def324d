using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>A step's completions as PPO's updates see them: what policy, reference and value model said when they were drawn.</summary>
internal sealed class PpoBatch
{
    private readonly IReadOnlyList<TokenTargets> _targets;

    /// <summary>Computes rewards, advantages and returns of every token; advantages are whitened over the batch.</summary>
    /// <param name="rollouts">The completions. [B]</param>
    /// <param name="drawn">Log-probs and values of each completion's tokens. [B]</param>
    /// <param name="scores">Reward of each completion. [B]</param>
    /// <param name="klCoefficient">Reward per nat.</param>
    /// <param name="gamma">Discount.</param>
    /// <param name="lambda">λ of the advantages.</param>
    public PpoBatch(
        IReadOnlyList<Rollout> rollouts, IReadOnlyList<DrawnTokens> drawn, double[] scores, double klCoefficient, double gamma, double lambda)
    {
        Rollouts = rollouts;
        (double[] Advantages, double[] Returns)[] raw = [.. drawn.Select((tokens, i) =>
        {
            double[] k1 = [.. tokens.Policy.Zip(tokens.Reference, (policy, reference) => (double)policy - reference)];
            double[] values = [.. tokens.Values.Select(value => (double)value)];
            return TokenRewards.Gae(TokenRewards.Of(k1, scores[i], klCoefficient), values, gamma, lambda);
        })];
        double[] white = Advantages.Whitened([.. raw.SelectMany(row => row.Advantages)]);
        _targets = [.. RolloutRows.Split(white, rollouts).Zip(raw, drawn).Select(row =>
            new TokenTargets(row.Third.Policy, row.Third.Values, Floats(row.First), Floats(row.Second.Returns)))];
    }

    /// <summary>The completions. [B]</summary>
    public IReadOnlyList<Rollout> Rollouts { get; }

    /// <summary>The targets of some completions as tensors, token after token. [N] each</summary>
    /// <param name="chosen">Indices of completions.</param>
    /// <param name="device">Where the tensors go.</param>
    public PpoTensors Of(IReadOnlyList<int> chosen, Device device)
    {
        return new PpoTensors(Flat(row => row.OldLogProbs), Flat(row => row.OldValues), Flat(row => row.Advantages), Flat(row => row.Returns));

        Tensor Flat(Func<TokenTargets, float[]> field) => tensor(chosen.SelectMany(i => field(_targets[i])).ToArray(), device: device); // [N]
    }

    private static float[] Floats(double[] values) => Array.ConvertAll(values, value => (float)value);

    private sealed record TokenTargets(float[] OldLogProbs, float[] OldValues, float[] Advantages, float[] Returns);
}

/// <summary>What the models said about one completion's tokens when it was drawn.</summary>
/// <param name="Policy">log π_old, nats. [T]</param>
/// <param name="Reference">log π_ref, nats. [T]</param>
/// <param name="Values">V of the state before each token. [T]</param>
internal sealed record DrawnTokens(float[] Policy, float[] Reference, float[] Values);

/// <summary>The inputs of PPO's losses; none carries a gradient.</summary>
/// <param name="OldLogProbs">log π_old, nats. [N]</param>
/// <param name="OldValues">V when the completions were drawn. [N]</param>
/// <param name="Advantages">Whitened. [N]</param>
/// <param name="Returns">R. [N]</param>
internal sealed record PpoTensors(Tensor OldLogProbs, Tensor OldValues, Tensor Advantages, Tensor Returns);
