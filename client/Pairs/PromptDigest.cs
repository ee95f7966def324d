using System.Text.Json.Nodes;
using Rudder.Client.Files;

namespace Rudder.Client.Pairs;

/// <summary>Count and hash of a list of prompts: what settings files keep of it.</summary>
internal static class PromptDigest
{
    /// <summary>Depends on ids, token ids and order.</summary>
    public static JsonObject Of(IReadOnlyList<CutPrompt> prompts) =>
        new()
        {
            ["count"] = prompts.Count,
            ["sha256"] = ContentHash.OfText(string.Join('\n', prompts.Select(p => $"{p.Id} {string.Join(' ', p.Ids)}"))),
        };
}
