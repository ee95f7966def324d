using System.Text;

namespace Rudder.Engine;

/// <summary>Ends a completion before its length limit, at a stop id or a stop string.</summary>
/// <remarks>
/// The rule searches the decoded text, so a stop string may span tokens or lie inside one. A token that ends in the middle of a
/// UTF-8 character decodes to a replacement character until a later token completes it; the rule never matches that character.
/// </remarks>
public sealed class StopRule
{
    private const string Field = "settings.stop_strings";
    private const char ReplacementMark = '\uFFFD';
    private readonly HashSet<int> _ids;
    private readonly string[] _strings;
    private readonly Func<IEnumerable<int>, string>? _decode;
    private readonly int _longestInBytes;

    /// <summary>Creates a rule.</summary>
    /// <param name="ids">Ids that end a completion; the stop id stays part of it.</param>
    /// <param name="strings">Strings that end a completion; none may be empty.</param>
    /// <param name="decode">Decodes ids with a byte-level tokenizer; required only with <paramref name="strings"/>.</param>
    /// <exception cref="RequestFault">A string is empty or invalid text, or <paramref name="decode"/> is missing for strings.</exception>
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

    /// <summary>Whether the last id ends the completion. Call it after each drawn id.</summary>
    /// <param name="completion">All ids drawn so far.</param>
    public bool Ends(IReadOnlyList<int> completion)
    {
        ArgumentNullException.ThrowIfNull(completion);
        return completion.Count > 0 && (_ids.Contains(completion[^1]) || (_strings.Length > 0 && TailHoldsString(completion)));
    }

    /// <summary>The text before the first stop string; the whole text if it contains none.</summary>
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

    // A match contains at least one byte of the newest token. So the window must hold, before that token, one byte less than the
    // longest string has. Special tokens decode to nothing, so the window grows until it does.
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
