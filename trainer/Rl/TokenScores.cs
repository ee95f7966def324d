using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>What a model says about the completion tokens of one forward pass.</summary>
/// <param name="Logits">At the positions that predict the tokens. [N,V]</param>
/// <param name="LogProbs">log π of the tokens, nats. [N]</param>
internal sealed record TokenScores(Tensor Logits, Tensor LogProbs)
{
    /// <summary>Runs a forward pass; carries the gradient unless the caller turns it off.</summary>
    /// <param name="model">Policy or reference.</param>
    /// <param name="rows">The completions with their prompts.</param>
    public static TokenScores Of(ILanguageModel model, PreferenceTensors rows)
    {
        Tensor hidden = model.Hidden(rows.InputIds); // [B,T,D]
        Tensor predicting = hidden.reshape(-1, hidden.shape[2]).index_select(0, rows.Positions); // [B·T,D] -> [N,D]
        Tensor logits = model.Head(predicting); // [N,V]
        return new TokenScores(logits, SequenceLogProbs.OfTokens(logits, rows.Targets));
    }

    /// <summary>The same without gradient.</summary>
    public static TokenScores Frozen(ILanguageModel model, PreferenceTensors rows)
    {
        using IDisposable quiet = no_grad();
        return Of(model, rows);
    }

    /// <summary>Entropy of each position's distribution, nats, without gradient. [N]</summary>
    public Tensor Entropy()
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        Tensor logits = Logits.detach(); // [N,V]
        return (logits.logsumexp(1) - (logits.softmax(1) * logits).sum(1L)).MoveToOuterDisposeScope(); // [N]
    }
}
