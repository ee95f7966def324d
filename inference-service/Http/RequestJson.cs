using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>Reads JSON bodies strictly. Unknown, repeated or wrongly typed members are errors, which never quote user text.</summary>
internal static partial class RequestJson
{
    /// <summary>Maximum nesting of a body.</summary>
    public const int MaxDepth = 8;

    /// <summary>Maximum nesting of a body with messages, whose unsupported parameters, such as tools, are refused by name.</summary>
    public const int MaxChatDepth = 64;

    private static readonly JsonSerializerOptions Strict = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        MaxDepth = MaxDepth,
    };

    private static readonly JsonSerializerOptions StrictChat = new(Strict) { MaxDepth = MaxChatDepth };

    /// <summary>Reads and parses a body. Its size is limited by the endpoint.</summary>
    /// <typeparam name="T">Type of the body.</typeparam>
    /// <exception cref="ApiException">The body is compressed, unreadable or invalid. The error names the parameter.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, CancellationToken cancellation)
    {
        if (!request.HasJsonContentType() || request.Headers.ContentEncoding.Count > 0)
        {
            throw ApiException.Protocol(
                StatusCodes.Status415UnsupportedMediaType,
                StatusCode.InvalidArgument,
                "the body must be plain JSON: Content-Type application/json, no Content-Encoding.");
        }

        try
        {
            return await ParseAsync<T>(request.BodyReader, cancellation);
        }
        catch (Exception fault) when (fault.GetType() == typeof(IOException) && !cancellation.IsCancellationRequested)
        {
            // Kestrel throws a plain IOException for a damaged chunk. Broken connections and headers have types of their own.
            throw ApiException.Invalid(null, "the body cannot be read: its transfer coding is damaged, or a chunk is too large.");
        }
    }

    /// <summary>Parses a body in UTF-8.</summary>
    /// <typeparam name="T">Type of the body.</typeparam>
    /// <exception cref="ApiException">The body is invalid. The error names the parameter.</exception>
    public static async Task<T> ParseAsync<T>(PipeReader body, CancellationToken cancellation)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(body, OptionsOf(typeof(T)), cancellation) ?? throw NotAnObject();
        }
        catch (JsonException fault) when (fault.Path is null || fault.InnerException is JsonException)
        {
            throw ApiException.Invalid(
                null, $"the body is not JSON in UTF-8, or is nested deeper than {OptionsOf(typeof(T)).MaxDepth} levels, at line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}.");
        }
        catch (JsonException fault)
        {
            throw Refused(fault, typeof(T));
        }
    }

    private static JsonSerializerOptions OptionsOf(Type body) => body == typeof(ChatRequest) || body == typeof(TokenizeRequest) ? StrictChat : Strict;

    private static ApiException NotAnObject() =>
        ApiException.Invalid(null, "the body is not a JSON object such as {\"model\": \"policy\", \"prompt\": \"The film\"}.");

    private static ApiException Refused(JsonException fault, Type body)
    {
        if (fault.Path == "$")
        {
            return NotAnObject();
        }

        // A name may contain user text, so errors repeat only names that look like parameters.
        string? param = LegalPath().IsMatch(fault.Path!) ? fault.Path![2..] : null;
        var type = Strict.GetTypeInfo(body);
        JsonPropertyInfo? property = null;
        foreach (string name in param?.Split('.') ?? [])
        {
            property = type?.Properties.FirstOrDefault(known => known.Name == name);
            type = property is null ? null : Strict.GetTypeInfo(property.PropertyType);
        }

        if (property is null)
        {
            return ApiException.Invalid(param, $"{param ?? "a member"} is unknown. Leave it out; docs/openai.md lists the parameters.");
        }

        bool isNeutral = property.AttributeProvider?.IsDefined(typeof(NeutralAttribute), false) == true;
        return ApiException.Invalid(param, isNeutral || fault.InnerException is not null || property.PropertyType == typeof(StreamOptions)
            ? $"{param} takes {Kind(property)}."
            : $"{param} is given twice; leave one out.");
    }

    private static string Kind(JsonPropertyInfo property)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return property.AttributeProvider?.GetCustomAttributes(typeof(NeutralAttribute), false) is [NeutralAttribute neutral]
                ? $"only {neutral.Json}, once: this service draws from the model's own distribution. Leave it out"
            : type == typeof(int) ? "a whole number of at most 32 bits"
            : type == typeof(float) ? "a number"
            : type == typeof(bool) ? "true or false"
            : type == typeof(StreamOptions) ? "an object, once"
            : "text in valid Unicode";
    }

    [GeneratedRegex(@"^\$(\.[A-Za-z0-9_-]{1,64})+\z")]
    private static partial Regex LegalPath();
}
