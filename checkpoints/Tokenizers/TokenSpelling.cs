using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Turns single tokens into the bytes of their text, as the <c>decoder</c> of a <c>tokenizer.json</c> does. Only a text's first token
/// may be spelled differently.
/// </summary>
internal sealed class TokenSpelling
{
    private delegate byte[]? Step(ref string token, bool first);

    private readonly List<Step> _steps = [];
    private bool _fused;

    private TokenSpelling()
    {
    }

    /// <summary>GPT-2's spelling of bytes.</summary>
    public static TokenSpelling ByteLevel { get; } = Of(new JsonObject { ["type"] = "ByteLevel" })!;

    /// <summary>The spelling of a decoder; null if its text depends on more than the token and whether it is the first.</summary>
    public static TokenSpelling? Of(JsonNode? decoder)
    {
        var spelling = new TokenSpelling();
        if (decoder is null)
        {
            spelling._steps.Add(static (ref token, first) => Done(first ? token : " " + token));
            return spelling;
        }

        return spelling.Add(decoder) ? spelling : null;
    }

    /// <summary>The UTF-8 bytes of a token, or a part of them.</summary>
    /// <param name="token">The token as the vocabulary spells it.</param>
    /// <param name="first">Whether it starts a text.</param>
    public byte[] Bytes(string token, bool first)
    {
        byte[]? bytes = null;
        foreach (var step in _steps)
        {
            bytes ??= step(ref token, first);
        }

        return bytes ?? Encoding.UTF8.GetBytes(token);
    }

    private bool Add(JsonNode decoder)
    {
        switch (TokenizerJson.TypeOf(decoder))
        {
            case "ByteLevel":
                _steps.Add(static (ref token, _) => ByteAlphabet.TryRead(token));
                return true;
            case "Fuse":
                _fused = true;
                return true;
            case "ByteFallback":
                _steps.Add(static (ref token, _) => ByteOf(token) switch
                {
                    null => null,
                    < 0x80 and byte letter => Change(ref token, ((char)letter).ToString()),
                    byte part => [part],
                });
                return true;
            case "Replace" when TokenizerJson.Text(decoder["pattern"]?["String"]) is { Length: > 0 } from && !_fused:
                string to = TokenizerJson.Text(decoder["content"]) ?? "";
                _steps.Add((ref token, _) => Change(ref token, token.Replace(from, to, StringComparison.Ordinal)));
                return true;
            case "Strip" when _fused && TokenizerJson.Text(decoder["content"]) is { Length: 1 } cut && Number(decoder["start"]) == 1 && Number(decoder["stop"]) == 0:
                _steps.Add((ref token, first) => Change(ref token, first && token.StartsWith(cut[0]) ? token[1..] : token));
                return true;
            case "Metaspace":
                AddMetaspace(decoder);
                return true;
            case "WordPiece":
                AddWordPiece(decoder);
                return true;
            case "Sequence" when decoder["decoders"] is JsonArray steps:
                return steps.All(step => step is not null && Add(step));
            default:
                return false;
        }
    }

    private void AddMetaspace(JsonNode decoder)
    {
        string mark = TokenizerJson.Text(decoder["replacement"]) ?? "\u2581";
        string? scheme = TokenizerJson.Text(decoder["prepend_scheme"]);
        bool prepends = scheme is null ? TokenizerJson.Flag(decoder["add_prefix_space"]) != false : scheme != "never";
        _steps.Add((ref token, first) => Change(ref token, token.Replace(mark, first && prepends ? "" : " ", StringComparison.Ordinal)));
    }

    private void AddWordPiece(JsonNode decoder)
    {
        string prefix = TokenizerJson.Text(decoder["prefix"]) ?? "##";
        bool cleanup = TokenizerJson.Flag(decoder["cleanup"]) != false;
        _steps.Add((ref token, first) =>
        {
            string joined = first ? token : token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            return Change(ref token, cleanup ? Cleanup(joined) : joined);
        });
    }

    // The replacements of Hugging Face's WordPiece decoder, in its order.
    private static string Cleanup(string token) => new[]
    {
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    }.Aggregate(token, (text, pair) => text.Replace(pair.Item1, pair.Item2, StringComparison.Ordinal));

    private static byte? ByteOf(string token) => token.Length == 6
        && token.StartsWith("<0x", StringComparison.Ordinal)
        && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value) ? value : null;

    private static byte[]? Change(ref string token, string changed)
    {
        token = changed;
        return null;
    }

    private static byte[] Done(string text) => Encoding.UTF8.GetBytes(text);

    private static int? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int number) ? number : null;
}
