using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>
/// Splits a template into tokens. White space is treated as in Hugging Face's environment: <c>trim_blocks</c> and <c>lstrip_blocks</c> are
/// on, <c>keep_trailing_newline</c> is off.
/// </summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] Signs =
    [
        "**", "//", "==", "!=", ">=", "<=",
        "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", "<", ">", "=", ".", ":", "|", ",", ";",
    ];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _startsLine = true;                         // only a line break, or nothing, lies before _at

    private TemplateLexer(string source) => _source = source;

    /// <summary>The tokens; the last one is <see cref="TemplateTokenKind.End"/>.</summary>
    /// <exception cref="ChatTemplateException">A tag, comment or string is not closed, or a character is unknown.</exception>
    public static List<TemplateToken> Read(string source, string file)
    {
        string text = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        text = text.EndsWith('\n') ? text[..^1] : text;
        var lexer = new TemplateLexer(text);
        try
        {
            while (lexer._at < text.Length)
            {
                lexer.ReadRoot();
            }
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(file, lexer._line, fault.Message, fault);
        }

        lexer.Add(TemplateTokenKind.End, "");
        return lexer._tokens;
    }

    private void ReadRoot()
    {
        var tag = Tag().Match(_source, _at);
        if (!tag.Success)
        {
            Data(_source[_at..]);
            _at = _source.Length;
            return;
        }

        string before = _source[_at..tag.Index];
        char control = tag.Groups[2].Length > 0 ? tag.Groups[2].Value[0] : ' ';
        bool isOutput = tag.Groups[1].Value == "{{";
        int line = before.LastIndexOf('\n') + 1;
        bool ownsLine = !isOutput && control == ' ' && (line > 0 || _startsLine) && string.IsNullOrWhiteSpace(before[line..]);
        Data(control == '-' ? before.TrimEnd() : ownsLine ? before[..line] : before, before);
        if (tag.Groups[1].Value == "{#")
        {
            Close(CommentEnd(), tag.Index + tag.Length, "a comment is not closed with #}.");
        }
        else if (RawBegin().Match(_source, tag.Index) is { Success: true } raw)
        {
            ReadRaw(raw);
        }
        else
        {
            _at = tag.Index + tag.Length;
            ReadTag(isOutput);
        }
    }

    private void Data(string kept, string? all = null)
    {
        if (kept.Length > 0)
        {
            Add(TemplateTokenKind.Data, kept);
        }

        _line += (all ?? kept).Count('\n');
    }

    private void ReadRaw(Match begin)
    {
        var end = RawEnd().Match(_source, begin.Index + begin.Length);
        if (!end.Success)
        {
            throw new TemplateFault("raw is not closed with endraw.");
        }

        string text = _source[(begin.Index + begin.Length)..end.Index];
        _line += begin.Value.Count('\n');
        Data(end.Groups[1].Value == "-" ? text.TrimEnd() : text, text);
        Move(end.Index + end.Length, end.Value);
    }

    private void ReadTag(bool isOutput)
    {
        Add(isOutput ? TemplateTokenKind.OutputBegin : TemplateTokenKind.BlockBegin, isOutput ? "{{" : "{%");
        for (int open = 0; ;)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
            {
                _line += _source[_at++] == '\n' ? 1 : 0;
            }

            var end = (isOutput ? OutputEnd() : BlockEnd()).Match(_source, _at);
            if (open == 0 && end.Success)
            {
                Add(isOutput ? TemplateTokenKind.OutputEnd : TemplateTokenKind.BlockEnd, isOutput ? "}}" : "%}");
                Move(end.Index + end.Length, end.Value);
                return;
            }

            open += ReadToken(isOutput);
        }
    }

    /// <summary>Reads a token inside a tag. Returns the change in open brackets.</summary>
    private int ReadToken(bool isOutput)
    {
        if (_at >= _source.Length)
        {
            throw new TemplateFault($"a tag is not closed with {(isOutput ? "}}" : "%}")}.");
        }

        char first = _source[_at];
        if (first is '\'' or '"')
        {
            ReadText(first);
            return 0;
        }

        if (Word().Match(_source, _at) is { Success: true } word)
        {
            Add(char.IsAsciiDigit(first) ? TemplateTokenKind.Number : TemplateTokenKind.Name, word.Value);
            _at += word.Length;
            return 0;
        }

        string sign = Array.Find(Signs, sign => string.CompareOrdinal(_source, _at, sign, 0, sign.Length) == 0)
            ?? throw new TemplateFault($"the character '{first}' is not part of the template language.");
        Add(TemplateTokenKind.Sign, sign);
        _at += sign.Length;
        return sign is "(" or "[" or "{" ? 1 : sign is ")" or "]" or "}" ? -1 : 0;
    }

    private void ReadText(char quote)
    {
        var text = new StringBuilder();
        int line = _line;
        for (_at++; ; _at++)
        {
            if (_at >= _source.Length)
            {
                throw new TemplateFault($"a string that starts in line {line} is not closed with {quote}.");
            }

            char letter = _source[_at];
            if (letter == quote)
            {
                break;
            }

            _line += letter == '\n' ? 1 : 0;
            if (letter == '\\' && _at + 1 < _source.Length)
            {
                _at++;
                Unescape(text);
            }
            else
            {
                text.Append(letter);
            }
        }

        _at++;
        _tokens.Add(new TemplateToken(TemplateTokenKind.Text, text.ToString(), line));
    }

    // Python's escapes; an unknown one stays as it is.
    private void Unescape(StringBuilder text)
    {
        char letter = _source[_at];
        int digits = letter switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            string hex = _source[(_at + 1)..Math.Min(_at + 1 + digits, _source.Length)];
            _at += digits;
            bool isCode = int.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code);
            text.Append(!isCode || hex.Length != digits || code is < 0 or > 0x10FFFF
                ? throw new TemplateFault($"the escape \\{letter}{hex} is not a character.")
                : code is >= 0xD800 and < 0xE000 ? ((char)code).ToString() : char.ConvertFromUtf32(code));
            return;
        }

        _line += letter == '\n' ? 1 : 0;
        text.Append(letter switch
        {
            'n' => "\n", 't' => "\t", 'r' => "\r", 'a' => "\a", 'b' => "\b", 'f' => "\f", 'v' => "\v", '0' => "\0",
            '\\' => "\\", '\'' => "'", '"' => "\"", '\n' => "",
            _ => "\\" + letter,
        });
    }

    private void Close(Regex end, int from, string fault)
    {
        var match = end.Match(_source, from);
        if (!match.Success)
        {
            throw new TemplateFault(fault);
        }

        Move(match.Index + match.Length, _source[from..(match.Index + match.Length)]);
    }

    private void Move(int at, string passed)
    {
        _at = at;
        _line += passed.Count('\n');
        _startsLine = passed.EndsWith('\n');
    }

    private void Add(TemplateTokenKind kind, string text) => _tokens.Add(new TemplateToken(kind, text, _line));

    [GeneratedRegex(@"(\{\{|\{%|\{#)([-+]?)")]
    private static partial Regex Tag();

    [GeneratedRegex(@"-#\}\s*|#\}\n?")]
    private static partial Regex CommentEnd();

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})")]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"\G(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex BlockEnd();

    [GeneratedRegex(@"\G(?:-\}\}\s*|\}\})")]
    private static partial Regex OutputEnd();

    [GeneratedRegex(@"\G(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|[\p{L}_][\p{L}\p{N}_]*)")]
    private static partial Regex Word();
}
