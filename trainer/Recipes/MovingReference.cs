using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>
/// A reference that follows the policy (TR-DPO, arXiv:2404.09656). It stays in memory, scores every batch, and its weights belong to
/// the checkpoint.
/// </summary>
/// <param name="model">The reference in evaluation mode; disposed with this.</param>
/// <param name="settings">When and how far it moves.</param>
internal sealed class MovingReference(ILanguageModel model, ReferenceSettings settings) : IReference, IDisposable
{
    /// <summary>The reference as it is now.</summary>
    public ILanguageModel Model => model;

    /// <summary>The reference's weights, for checkpoints.</summary>
    public IEnumerable<NamedState> State => model.Parameters.Select(p => new NamedState("reference/" + p.Name, p.Value));

    public Tensor Of(PreferenceBatch batch, PreferenceTensors rows)
    {
        using IDisposable quiet = no_grad();
        return CompletionLogProbs.Sums(model, rows); // [B]
    }

    /// <summary>After every <c>sync_every</c> steps: reference = mixup·policy + (1 − mixup)·reference, weight by weight.</summary>
    /// <param name="step">Steps taken.</param>
    /// <param name="policy">A model of the same family and sizes.</param>
    public void SyncIfDue(int step, ILanguageModel policy)
    {
        if (step % settings.SyncEvery != 0)
        {
            return;
        }

        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        foreach ((NamedParameter own, NamedParameter latest) in model.Parameters.Zip(policy.Parameters))
        {
            own.Value.mul_(1 - settings.Mixup).add_(latest.Value, alpha: settings.Mixup); // exact for mixup 1: 0·x + y
        }
    }

    public void Dispose() => model.Dispose();
}
