using Rudder.Engine.Scoring;
using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>Log-probabilities of completions under a language model, with the vocabulary product at completion positions only.</summary>
internal static class CompletionLogProbs
{
    /// <summary>log π(y|x) of every row of a batch; carries the gradient unless the caller turns it off.</summary>
    /// <param name="model">Policy or reference.</param>
    /// <param name="batch">Rows on the model's device.</param>
    /// <returns>Nats summed over completion tokens, float32. [B]</returns>
    public static Tensor Sums(ILanguageModel model, PreferenceTensors batch)
    {
        Tensor hidden = model.Hidden(batch.InputIds); // [B,T,D]
        Tensor predicting = hidden.reshape(-1, hidden.shape[2]).index_select(0, batch.Positions); // [B·T,D] -> [N,D]
        Tensor tokens = SequenceLogProbs.OfTokens(model.Head(predicting), batch.Targets); // [N,V] -> [N]
        return SequenceLogProbs.SumPerSequence(tokens, batch.Slots); // [B]
    }

    /// <summary>log π(y|x) of many completions, without gradient. Sorts them by length to reduce padding.</summary>
    /// <param name="model">A model in evaluation mode: dropout would make the scores random.</param>
    /// <param name="rows">Completions with the group that holds their prompt.</param>
    /// <param name="rowsPerPass">Most sequences per forward pass, at least 1. Memory grows with it.</param>
    /// <param name="stopping">Checked between passes.</param>
    /// <param name="scored">Called after each pass with the number of completions scored so far.</param>
    /// <returns>Nats, at the index of <paramref name="rows"/>.</returns>
    public static float[] ScoreAll(
        ILanguageModel model,
        IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows,
        int rowsPerPass,
        CancellationToken stopping = default,
        Action<int>? scored = null)
    {
        if (model.training)
        {
            throw new InvalidOperationException("The model is in training mode, where dropout makes scores random; call eval() first.");
        }

        float[] sums = new float[rows.Count];
        int done = 0;
        int[] lengths = [.. rows.Select(row => row.Group.PromptIds.Length + row.Completion.Ids.Length)];
        foreach (int[] pass in MicroBatcher.Split(lengths, [.. lengths.Select(_ => 1)], int.MaxValue, rowsPerPass))
        {
            stopping.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using IDisposable quiet = no_grad();
            var batch = PreferenceBatch.OfCompletions([.. pass.Select(i => rows[i])]);
            float[] values = NamedParameters.Values(Sums(model, new PreferenceTensors(batch, model.Device)));
            for (int i = 0; i < pass.Length; i++)
            {
                sums[pass[i]] = values[i];
            }

            scored?.Invoke(done += pass.Length);
        }

        return sums;
    }
}
