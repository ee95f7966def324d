using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Sampling;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary>The most probable tokens at a place as that API lists them: by text, the token that stands there always among them.</summary>
internal static class TopTexts
{
    /// <summary>The texts with their log-probs, most probable first; the token itself is added where it is less probable than those.</summary>
    /// <param name="model">The model, which knows the texts.</param>
    /// <param name="token">The token that stands at the place.</param>
    /// <param name="top">The most probable tokens there, most probable first.</param>
    public static IReadOnlyList<KeyValuePair<string, float>> Of(LoadedModel model, RankedToken token, RankedToken[] top)
    {
        var ranked = Array.Exists(top, other => other.Id == token.Id) ? top : top.Append(token);
        return Distinct(ranked.Select(shown => KeyValuePair.Create(TokenText.Show(model, shown.Id), shown.LogProb)));
    }

    /// <summary>The same without the less probable of equal texts, which the keys of one object could not tell apart.</summary>
    /// <param name="ranked">Texts with their log-probs, most probable first.</param>
    public static IReadOnlyList<KeyValuePair<string, float>> Distinct(IEnumerable<KeyValuePair<string, float>> ranked)
    {
        var texts = new HashSet<string>(StringComparer.Ordinal);
        return [.. ranked.Where(shown => texts.Add(shown.Key))];
    }
}
