using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tokenizers.DotNet;

namespace Rudder.Checkpoints;

/// <summary>Any <c>tokenizer.json</c>, by Hugging Face's own library, which Tokenizers.DotNet wraps. Thread-safe.</summary>
/// <remarks>
/// The wrapper always adds special tokens, cuts and pads as the file says. So the library reads a temporary copy whose
/// <c>post_processor</c>, <c>truncation</c> and <c>padding</c> are null.
/// </remarks>
internal sealed class HuggingFaceTokenizer : ITextEncoder
{
    private readonly string _file;
    private readonly string _difference;
    private readonly Tokenizer _tokenizer;
    private readonly Lazy<Tokenizer> _plain;                 // special tokens are text for it

    /// <summary>Loads a tokenizer.</summary>
    /// <param name="parts">Its definition, with <see cref="TokenizerParts.Json"/>.</param>
    /// <param name="addPrefixSpace">Replaces the pre-tokenizer's setting, if it has one; null keeps it.</param>
    /// <exception cref="CheckpointException">The library refuses the file, or its native part is missing.</exception>
    public HuggingFaceTokenizer(TokenizerParts parts, bool? addPrefixSpace)
    {
        _file = parts.File;
        _difference = parts.Difference!;
        var json = Reduced(parts, addPrefixSpace);
        _tokenizer = Load(JsonSerializer.SerializeToUtf8Bytes(json));
        json["added_tokens"] = Tokens(parts.Added.Where(token => !token.Special));
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(json);
        _plain = new Lazy<Tokenizer>(() => Load(plain));
        RequireIds(parts);
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool specialTokens) =>
        Array.ConvertAll(Encode(specialTokens ? _tokenizer : _plain.Value, text), id => (int)id);

    /// <summary>The text of ids, without special tokens.</summary>
    public string Decode(IEnumerable<int> ids) => _tokenizer.Decode([.. ids.Select(id => (uint)id)]);

    /// <summary>The error for a system without the native library.</summary>
    internal static CheckpointException NativeMissing(string file, string difference, string platform, Exception e) => new(
        $"{file}: {difference}, so Hugging Face's tokenizer library must read it, and this program has no Tokenizers.DotNet.runtime.{platform}. "
        + $"Use a program built for a platform that this NuGet package exists for, or send and train on token ids.",
        e);

    private Tokenizer Load(byte[] json)
    {
        string copy = Path.Combine(Path.GetTempPath(), $"rudder-tokenizer-{Guid.NewGuid():N}.json");
        try
        {
            File.WriteAllBytes(copy, json);
            return new Tokenizer(copy);
        }
        catch (TokenizerException e)
        {
            throw new CheckpointException($"{_file}: Hugging Face's tokenizer library refuses it ({e.Message}). Fetch the file again.", e);
        }
        catch (DllNotFoundException e)
        {
            throw NativeMissing(_file, _difference, RuntimeInformation.RuntimeIdentifier, e);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static uint[] Encode(Tokenizer tokenizer, string text) => text.Length == 0 ? [] : tokenizer.Encode(WholeCharacters(text));

    // The library takes no half of a surrogate pair; an encoder to UTF-8 replaces it too.
    private static string WholeCharacters(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))
        : text;

    // The library numbers added tokens anew where a file leaves gaps between ids.
    private void RequireIds(TokenizerParts parts)
    {
        foreach (var token in parts.Added.Where(token => !parts.Vocabulary.ContainsKey(token.Content)))
        {
            uint[] ids = Encode(_tokenizer, token.Content);
            if (ids.Length != 1 || ids[0] != token.Id)
            {
                throw new CheckpointException(
                    $"{_file}: added token '{token.Content}' has id {token.Id}, but Hugging Face's tokenizer library gives {string.Join(' ', ids)}. "
                    + $"Number the added tokens without gaps, after the vocabulary.");
            }
        }
    }

    private static JsonObject Reduced(TokenizerParts parts, bool? addPrefixSpace)
    {
        var json = parts.Json!;
        foreach (string key in new[] { "post_processor", "truncation", "padding" })
        {
            json[key] = null;
        }

        json["added_tokens"] = Tokens(parts.Added);
        if (addPrefixSpace is bool add && json["pre_tokenizer"] is JsonObject splitter && splitter.ContainsKey("add_prefix_space"))
        {
            splitter["add_prefix_space"] = add;
        }

        return json;
    }

    private static JsonArray Tokens(IEnumerable<AddedToken> tokens) => new([.. tokens.OrderBy(token => token.Id).Select(TokenizerWriter.Token)]);
}
