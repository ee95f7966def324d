using System.Text;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>The text of one choice, token by token: the echoed prompt, then pieces that cannot be part of a stop string.</summary>
internal sealed class ChoiceText(CompletionRequest request, ModelLease model)
{
    private readonly TokenText _drawn = new(model);
    private readonly StopHold _hold = new(request.Stop ?? []);
    private int _echoed;
    private int _given;

    /// <summary>The prompt's text if requested, else empty.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="score">Score of its ids from the second on; needed with <paramref name="logProbs"/>.</param>
    /// <param name="logProbs">Receives its tokens; null if log-probs are not requested.</param>
    public string Echo(int[] ids, SequenceScore? score, TokenLogProbs? logProbs)
    {
        if (request.Echo != true)
        {
            return "";
        }

        // Decoded separately from the completion: a character that is incomplete at the prompt's end stays incomplete.
        var prompt = new TokenText(model, continues: false);
        var text = new StringBuilder();
        for (int i = 0; i < ids.Length; i++)
        {
            if (i == 0)
            {
                logProbs?.Add(TokenText.Show(model, ids[i]), null, prompt.Characters);
            }
            else if (logProbs is not null)
            {
                logProbs.Add(model, new RankedToken(ids[i], score!.TokenLogProbs[i - 1]), score!.Top?[i - 1], prompt.Characters);
            }

            text.Append(prompt.Append(ids[i]));
        }

        text.Append(prompt.Flush());
        _echoed = prompt.Characters;
        return text.ToString();
    }

    /// <summary>The certain text that a sampled token adds.</summary>
    /// <param name="token">The token with its log-prob.</param>
    /// <param name="top">The most probable tokens at its position; null if not requested.</param>
    /// <param name="logProbs">Receives the token; null if log-probs are not requested.</param>
    public string Append(RankedToken token, RankedToken[]? top, ILogProbs? logProbs)
    {
        logProbs?.Add(model, token, top, _echoed + _drawn.Characters);
        string piece = _hold.Pass(_drawn.Append(token.Id));
        _given += piece.Length;
        return piece;
    }

    /// <summary>The rest of the text, after the completion has finished.</summary>
    /// <param name="completion">Its whole text without stop string and prompt.</param>
    public string Rest(string completion) => completion[Math.Min(_given, completion.Length)..];

    /// <summary>The most probable tokens at a position by text, most probable first; then the token, if it is not among them.</summary>
    /// <remarks>Of two tokens with equal text, keeps the more probable one.</remarks>
    /// <param name="token">The token at the place.</param>
    /// <param name="top">The most probable tokens there, most probable first.</param>
    /// <param name="show">The text of an id.</param>
    internal static Dictionary<string, float> TopTexts(RankedToken token, RankedToken[] top, Func<int, string> show)
    {
        var texts = new Dictionary<string, float>(top.Length + 1, StringComparer.Ordinal);
        foreach (var other in top)
        {
            texts.TryAdd(show(other.Id), other.LogProb);
        }

        texts.TryAdd(show(token.Id), token.LogProb);
        return texts;
    }
}
