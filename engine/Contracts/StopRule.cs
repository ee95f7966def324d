using System.Text;

namespace Rudder.Engine;

/// <summary>Decides when a completion ends before its length limit: at certain ids, or where its text holds certain strings.</summary>
/// <remarks>
/// Strings are looked for in the decoded text, so they may lie across tokens and inside a token. A token that ends in the
/// middle of a UTF-8 character decodes to a replacement mark until the next one completes it; no match is made on the mark.
/// </remarks>
public sealed class StopRule
{
    private const string Field = "settings.stop_strings";
    private const char ReplacementMark = '\uFFFD';
    private readonly HashSet<int> _ids;
    private readonly string[] _strings;
    private readonly Func<IEnumerable<int>, string>? _decode;
    private readonly int _longestInBytes;

    /// <summary>Makes a rule.</summary>
    /// <param name="ids">Ids that end a completion; the id stays part of it.</param>
    /// <param name="strings">Strings that end a completion; none may be empty.</param>
    /// <param name="decode">Ids to text, by a byte-level tokenizer; needed only with <paramref name="strings"/>.</param>
    /// <exception cref="RequestFault">A string is empty or not valid text, or there are strings and no <paramref name="decode"/>.</exception>
    public StopRule(IEnumerable<int> ids, IEnumerable<string>? strings = null, Func<IEnumerable<int>, string>? decode = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        _ids = [.. ids];
        _strings = [.. strings ?? []];
        _decode = decode;
        if (_strings.Length > 0 && decode is null)
        {
            throw new RequestFault(Field, "need a model with a tokenizer", "this one takes and gives ids only", "Use stop ids, or leave them out.");
        }

        foreach (string text in _strings)
        {
            Check(text);
            _longestInBytes = Math.Max(_longestInBytes, Encoding.UTF8.GetByteCount(text));
        }
    }

    /// <summary>Never stops.</summary>
    public static StopRule None { get; } = new([]);

    /// <summary>Whether the last id of a completion ends it. Call it after each drawn id.</summary>
    /// <param name="completion">All ids drawn so far.</param>
    public bool Ends(IReadOnlyList<int> completion)
    {
        ArgumentNullException.ThrowIfNull(completion);
        return completion.Count > 0 && (_ids.Contains(completion[^1]) || (_strings.Length > 0 && TailHoldsString(completion)));
    }

    /// <summary>The text before the first stop string; all of it where there is none.</summary>
    public string Cut(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int end = text.Length;
        foreach (string stop in _strings)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            end = at < 0 ? end : Math.Min(end, at);
        }

        return text[..end];
    }

    // A match ends in the newest token and holds at least one of its bytes, so the window must reach back over one byte less
    // than the longest string has. What the newest token itself adds says nothing about that. Special tokens decode to nothing,
    // for which the window grows.
    private bool TailHoldsString(IReadOnlyList<int> completion)
    {
        for (int window = _longestInBytes; ; window *= 2)
        {
            int skip = Math.Max(0, completion.Count - window);
            string tail = _decode!(completion.Skip(skip));
            if (Array.Exists(_strings, stop => tail.Contains(stop, StringComparison.Ordinal)))
            {
                return true;
            }

            if (skip == 0 || _decode!(completion.Skip(skip).Take(window - 1)).Length >= _longestInBytes - 1)
            {
                return false;
            }
        }
    }

    private static void Check(string text)
    {
        if (string.IsNullOrEmpty(text))
        {
            throw new RequestFault(Field, "hold an empty string", "every completion contains it", "Remove it.");
        }

        if (text.Contains(ReplacementMark) || Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) != text)
        {
            throw new RequestFault(Field, "hold a string with a replacement mark or a lone surrogate", "a stop string is valid text", "Remove it.");
        }
    }
}
