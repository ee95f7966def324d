using System.Text;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Sampling;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary>The text of one choice as its tokens come: the prompt where it is echoed, then each piece that no stop string can cut off any more.</summary>
internal sealed class ChoiceText(CompletionRequest request, LoadedModel model)
{
    private readonly TokenText _drawn = new(model);
    private readonly StopHold _hold = new(request.Stop);
    private int _echoed;
    private int _given;

    /// <summary>The prompt's text where it is echoed, else empty.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="score">Of its ids from the second on; needed with <paramref name="logProbs"/>.</param>
    /// <param name="logProbs">Gets its tokens; null where they were not asked for.</param>
    public string Echo(int[] ids, SequenceScore? score, TokenLogProbs? logProbs)
    {
        if (!request.Echo)
        {
            return "";
        }

        // A text of its own: what a prompt's last id leaves unfinished, its completion does not finish.
        var prompt = new TokenText(model);
        var text = new StringBuilder();
        for (int i = 0; i < ids.Length; i++)
        {
            if (i == 0)
            {
                logProbs?.Add(TokenText.Show(model, ids[i]), null, prompt.Characters);
            }
            else if (logProbs is not null)
            {
                Add(logProbs, new RankedToken(ids[i], score!.TokenLogProbs[i - 1]), score!.Top?[i - 1], prompt.Characters);
            }

            text.Append(prompt.Append(ids[i]));
        }

        text.Append(prompt.Flush());
        _echoed = prompt.Characters;
        return text.ToString();
    }

    /// <summary>What a drawn token adds to the text that is certain.</summary>
    /// <param name="token">The token with its log-prob.</param>
    /// <param name="top">The most probable tokens at its place; null where none were asked for.</param>
    /// <param name="logProbs">Gets the token; null where it was not asked for.</param>
    public string Append(RankedToken token, RankedToken[]? top, TokenLogProbs? logProbs)
    {
        if (logProbs is not null)
        {
            Add(logProbs, token, top, _echoed + _drawn.Characters);
        }

        string piece = _hold.Pass(_drawn.Append(token.Id));
        _given += piece.Length;
        return piece;
    }

    /// <summary>What is still missing when the completion is finished.</summary>
    /// <param name="completion">Its whole text, stop string cut off, without the prompt.</param>
    public string Rest(string completion) => completion[Math.Min(_given, completion.Length)..];

    private void Add(TokenLogProbs logProbs, RankedToken token, RankedToken[]? top, int offset) => logProbs.Add(
        TokenText.Show(model, token.Id), token.LogProb, offset, logProbs.Top is null ? null : TopTexts.Of(model, token, top ?? []));
}
