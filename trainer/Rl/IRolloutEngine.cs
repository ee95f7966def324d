using Rudder.Trainer.Models;

namespace Rudder.Trainer.Rl;

/// <summary>Draws completions, always from the policy's newest weights.</summary>
internal interface IRolloutEngine : IDisposable
{
    /// <summary>Draws completions of prompts.</summary>
    /// <param name="prompts">At least one.</param>
    /// <param name="samples">Completions of each prompt.</param>
    /// <param name="seed">Equal seeds, weights and prompts give equal completions, in every engine.</param>
    /// <returns>The completions of the first prompt, then those of the next.</returns>
    /// <exception cref="UnavailableException">The service that draws does not answer, even after retries.</exception>
    IReadOnlyList<Rollout> Draw(IReadOnlyList<RolloutPrompt> prompts, int samples, ulong seed);

    /// <summary>Gives the engine the policy's weights. Cached prompts do not outlive the old ones.</summary>
    /// <param name="policy">The policy that the engine started with.</param>
    /// <param name="version">Optimizer steps that it has taken.</param>
    void Update(ILanguageModel policy, int version);
}
