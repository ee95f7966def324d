using System.Text.Json;
using Rudder.Checkpoints;

namespace Rudder.InferenceService.Http;

/// <summary>Reads the messages of a conversation. Errors name the place and never quote text.</summary>
internal sealed class ChatMessagesConverter : ReadConverter<IReadOnlyList<ChatMessage>>
{
    private const string Name = "messages";

    public override IReadOnlyList<ChatMessage> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType != JsonTokenType.EndArray
            ? ReadItems(ref reader, Name, ReadMessage)
            : throw Takes(Name, "an array, not empty, of messages such as {\"role\": \"user\", \"content\": \"Hello\"}");

    private static ChatMessage ReadMessage(ref Utf8JsonReader reader, string list, int index)
    {
        string at = $"{list}[{index}]";
        string? role = null, content = null, name = null;
        ReadMembers(ref reader, at, (ref Utf8JsonReader member, string key) =>
        {
            switch (key)
            {
                case "role":
                    role = ReadRole(ref member, at);
                    break;
                case "content":
                    content = ReadContent(ref member, $"{at}.content");
                    break;
                case "name":
                    name = member.TokenType == JsonTokenType.Null ? null : ReadString(ref member, $"{at}.name");
                    break;
                case "refusal" or "audio" or "annotations" or "tool_calls" or "function_call" or "tool_call_id" or "reasoning_content":
                    RequireNothing(ref member, $"{at}.{key}");
                    break;
                default:
                    throw ApiException.Invalid(at, $"{at} has a member that is unknown; it takes role, content and name.");
            }
        });
        return role is null ? throw Takes($"{at}.role", "system, user or assistant")
            : content is null ? throw Takes($"{at}.content", "a string, or an array of text parts")
            : new ChatMessage(role, content, name);
    }

    private static string ReadRole(ref Utf8JsonReader reader, string at) => ReadString(ref reader, $"{at}.role") switch
    {
        "system" or "developer" => "system",                 // the newer name of the same role; templates know the older one
        "user" => "user",
        "assistant" => "assistant",
        "tool" or "function" => throw ApiException.Invalid(
            $"{at}.role", $"{at}.role takes system, user and assistant: this service does not call functions. Leave the message out."),
        _ => throw Takes($"{at}.role", "system, user or assistant"),
    };

    private static string ReadContent(ref Utf8JsonReader reader, string at)
    {
        if (reader.TokenType == JsonTokenType.StartArray && reader.Read())
        {
            return string.Join('\n', ReadItems(ref reader, at, ReadPart));
        }

        return reader.TokenType == JsonTokenType.String ? ReadText(ref reader, at) : throw Takes(at, "a string, or an array of text parts");
    }

    private static string ReadPart(ref Utf8JsonReader reader, string list, int index)
    {
        string at = $"{list}[{index}]";
        string? type = null, text = null;
        ReadMembers(ref reader, at, (ref Utf8JsonReader member, string key) =>
        {
            switch (key)
            {
                case "type":
                    type = ReadString(ref member, $"{at}.type");
                    break;
                case "text":
                    text = ReadString(ref member, $"{at}.text");
                    break;
                default:
                    _ = member.TrySkip();                    // belongs to another type, which is refused below
                    break;
            }
        });
        return type == "text" && text is not null
            ? text
            : throw ApiException.Invalid($"{at}.type", $"{at} takes only {{\"type\": \"text\", \"text\": \"…\"}}: this service reads text alone.");
    }

    private delegate void ReadMember(ref Utf8JsonReader reader, string key);

    private static void ReadMembers(ref Utf8JsonReader reader, string at, ReadMember read)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Takes(at, "an object");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = ReadText(ref reader, at);
            if (!seen.Add(key))
            {
                throw ApiException.Invalid(at, $"{at} has a member twice; leave one out.");
            }

            reader.Read();
            read(ref reader, key);
        }
    }

    private static string ReadString(ref Utf8JsonReader reader, string at) =>
        reader.TokenType == JsonTokenType.String ? ReadText(ref reader, at) : throw Takes(at, "a string");

    private static string ReadText(ref Utf8JsonReader reader, string at)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Takes(at, "text in valid Unicode");
        }
    }

    // Clients send back the assistant's reply as they got it, with empty members.
    private static void RequireNothing(ref Utf8JsonReader reader, string at)
    {
        bool isEmpty = reader.TokenType == JsonTokenType.Null
            || (reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType == JsonTokenType.EndArray);
        if (!isEmpty)
        {
            throw ApiException.Invalid(at, $"{at} is not supported: this service reads and writes text alone. Leave it out.");
        }
    }
}
