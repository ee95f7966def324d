using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Rudder.Checkpoints;

/// <summary>
/// Splits text as GPT-2 and RoBERTa do:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// Hand-written because .NET regular expressions see a letter beyond U+FFFF as two surrogates, which are not letters.
/// </summary>
internal sealed class Gpt2PreTokenizer : PreTokenizer
{
    /// <summary>The only instance; it has no state.</summary>
    public static readonly Gpt2PreTokenizer Instance = new();

    private enum Kind : byte
    {
        Other,
        Letter,
        Digit,
        Space,
    }

    private static readonly Kind[] Ascii = [.. Enumerable.Range(0, 128).Select(c => Classify(new Rune(c)))];

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PreTokenize(text.AsSpan());
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>();
        for (int at = 0; at < text.Length;)
        {
            int end = WordEnd(text, at);
            words.Add((at, end - at));
            at = end;
        }

        return words;
    }

    /// <summary>The end of the word that starts at <paramref name="at"/>.</summary>
    public static int WordEnd(ReadOnlySpan<char> text, int at)
    {
        int contraction = Contraction(text[at..]);
        if (contraction > 0)
        {
            return at + contraction;
        }

        int start = text[at] == ' ' ? at + 1 : at; // a word may start with one space
        if (start < text.Length)
        {
            var (kind, _) = KindAt(text, start);
            if (kind != Kind.Space)
            {
                return RunEnd(text, start, kind, out _);
            }
        }

        int end = RunEnd(text, at, Kind.Space, out int lastStart);
        // The last white space character before a word belongs to that word, unless it is the only one.
        return end == text.Length || lastStart == at ? end : lastStart;
    }

    private static int RunEnd(ReadOnlySpan<char> text, int at, Kind kind, out int lastStart)
    {
        lastStart = at;
        while (at < text.Length)
        {
            var (found, length) = KindAt(text, at);
            if (found != kind)
            {
                break;
            }

            lastStart = at;
            at += length;
        }

        return at;
    }

    private static int Contraction(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[0] != '\'')
        {
            return 0;
        }

        if (text[1] is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        return text.Length > 2 && (text[1], text[2]) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static (Kind Kind, int Length) KindAt(ReadOnlySpan<char> text, int at)
    {
        if (text[at] < 128)
        {
            return (Ascii[text[at]], 1);
        }

        var status = Rune.DecodeFromUtf16(text[at..], out var rune, out int length);
        return status == OperationStatus.Done ? (Classify(rune), length) : (Kind.Other, 1); // half a surrogate pair
    }

    private static Kind Classify(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Digit,
        _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
    };
}
