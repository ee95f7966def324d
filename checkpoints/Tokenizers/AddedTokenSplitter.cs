using System.Buffers;

namespace Rudder.Checkpoints;

/// <summary>
/// Splits a text at added tokens; BPE encodes the text between them. As in Hugging Face's tokenizers, the leftmost match wins, and
/// among matches at one place the longest.
/// </summary>
internal sealed class AddedTokenSplitter
{
    /// <summary>Maximum characters of an added token. It bounds the work per character of a text.</summary>
    public const int LongestToken = 1024;

    /// <summary>Characters of all added tokens together at most. It bounds the memory of the search tree.</summary>
    public const int MostCharacters = 4_000_000;

    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly List<AddedToken?> _ends = [null];       // the token that ends at a node; node 0 is the root
    private readonly SearchValues<char> _starts;

    public AddedTokenSplitter(IReadOnlyList<AddedToken> added)
    {
        foreach (var token in added)
        {
            int node = 0;
            foreach (char next in token.Content)
            {
                if (!_edges.TryGetValue((node, next), out int child))
                {
                    _edges[(node, next)] = child = _ends.Count;
                    _ends.Add(null);
                }

                node = child;
            }

            _ends[node] = token;
        }

        _starts = SearchValues.Create([.. added.Select(token => token.Content[0]).Distinct()]);
    }

    /// <summary>Calls back for each piece in order: a piece of text or a token id.</summary>
    public void Split(string text, Action<string> onText, Action<int> onToken)
    {
        int from = 0, at = 0;
        while (at < text.Length && text.AsSpan(at).IndexOfAny(_starts) is var step and >= 0)
        {
            at += step;
            if (Match(text.AsSpan(at)) is not { } token)
            {
                at++;
                continue;
            }

            int start = at, stop = at + token.Content.Length;
            while (token.StripLeft && start > from && char.IsWhiteSpace(text[start - 1]))
            {
                start--;
            }

            while (token.StripRight && stop < text.Length && char.IsWhiteSpace(text[stop]))
            {
                stop++;
            }

            Text(start);
            onToken(token.Id);
            from = at = stop;
        }

        Text(text.Length);

        void Text(int end)
        {
            if (end > from)
            {
                onText(text[from..end]);
            }
        }
    }

    /// <summary>The longest token at the start of a text.</summary>
    private AddedToken? Match(ReadOnlySpan<char> text)
    {
        AddedToken? longest = null;
        int node = 0;
        foreach (char next in text)
        {
            if (!_edges.TryGetValue((node, next), out node))
            {
                break;
            }

            longest = _ends[node] ?? longest;
        }

        return longest;
    }
}
