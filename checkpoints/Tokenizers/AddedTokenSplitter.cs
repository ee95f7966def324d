using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>Cuts a text at the tokens that are matched as a whole; what lies between goes to BPE.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly Dictionary<string, AddedToken> tokens;
    private readonly Regex? pattern;

    public AddedTokenSplitter(IReadOnlyList<AddedToken> added)
    {
        tokens = added.ToDictionary(t => t.Content, StringComparer.Ordinal);
        if (added.Count > 0)
        {
            // Longest first: of two tokens that begin alike, the longer one is meant.
            var choices = added.OrderByDescending(t => t.Content.Length).ThenBy(t => t.Content, StringComparer.Ordinal)
                .Select(t => $"{(t.StripLeft ? @"\s*" : "")}(?<t>{Regex.Escape(t.Content)}){(t.StripRight ? @"\s*" : "")}");
            pattern = new Regex(string.Join('|', choices), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
    }

    /// <summary>Calls back for each piece in order: a stretch of text, or a token's id.</summary>
    public void Split(string text, Action<string> onText, Action<int> onToken)
    {
        int from = 0;
        for (var match = pattern?.Match(text); match is { Success: true }; match = match.NextMatch())
        {
            if (match.Index > from)
            {
                onText(text[from..match.Index]);
            }

            onToken(tokens[match.Groups["t"].Value].Id);
            from = match.Index + match.Length;
        }

        if (from < text.Length)
        {
            onText(from == 0 ? text : text[from..]);
        }
    }
}
