using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rudder.Checkpoints;

/// <summary>
/// The chat template of a model: turns a conversation into the text that the model was trained on. Renders a bounded subset of Jinja
/// without reflection, with Hugging Face's settings. Thread-safe.
/// </summary>
/// <example><code>
/// var template = ChatTemplate.Load("models/chat") ?? throw new InvalidOperationException("no template");
/// var text = template.Render([new ChatMessage("user", "Hello")], addGenerationPrompt: true);
/// int[] ids = text.Encode(tokenizer);
/// </code></example>
public sealed partial class ChatTemplate
{
    private readonly string _file;
    private readonly IReadOnlyList<Statement> _template;
    private readonly ChatTokens _tokens;
    private readonly ChatTemplateLimits _limits;
    private readonly TimeProvider _time;

    private ChatTemplate(string file, string source, ChatTokens tokens, ChatTemplateLimits? limits, TimeProvider? time)
    {
        (_file, _tokens, _limits, _time) = (file, tokens, limits ?? new ChatTemplateLimits(), time ?? TimeProvider.System);
        if (source.Length > _limits.MaxSource)
        {
            throw new ChatTemplateException(file, 1, $"the template has {source.Length} characters; the limit is {_limits.MaxSource}.");
        }

        _template = TemplateParser.Parse(source, file, _limits.MaxDepth);
    }

    /// <summary>Reads <c>chat_template.jinja</c>, else <c>chat_template</c> in <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="name">Which template where the file has several; <c>chat_template.jinja</c> is always <c>default</c>.</param>
    /// <param name="limits">Bounds of a rendering; null for the defaults.</param>
    /// <param name="time">The clock of <c>strftime_now</c> and of the time limit; null for the system's.</param>
    /// <returns>Null if the folder has no template.</returns>
    /// <exception cref="ChatTemplateException">The template is invalid or uses a construct that is not supported.</exception>
    /// <exception cref="CheckpointException">A file is damaged.</exception>
    public static ChatTemplate? Load(string folder, string name = "default", ChatTemplateLimits? limits = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return ChatTemplateFiles.Read(folder, name) is var (file, source)
            ? new ChatTemplate(file, source, ChatTokens.Read(folder), limits, time)
            : null;
    }

    /// <summary>Reads a template from a text.</summary>
    /// <param name="source">The template.</param>
    /// <param name="variables">Further names, usually <c>bos_token</c> and <c>eos_token</c>.</param>
    /// <param name="limits">Bounds of a rendering; null for the defaults.</param>
    /// <param name="time">The clock of <c>strftime_now</c> and of the time limit; null for the system's.</param>
    /// <exception cref="ChatTemplateException">The template is invalid or uses a construct that is not supported.</exception>
    public static ChatTemplate Parse(
        string source, IReadOnlyDictionary<string, string>? variables = null, ChatTemplateLimits? limits = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate("template", source, new ChatTokens(variables ?? new Dictionary<string, string>(), []), limits, time);
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">The turns, oldest first.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the start of the assistant's turn.</param>
    /// <exception cref="ChatRefusedException">The template refuses the messages.</exception>
    /// <exception cref="ChatTemplateException">The template fails on the messages, or exceeds a limit.</exception>
    public ChatText Render(IEnumerable<ChatMessage> messages, bool addGenerationPrompt)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var list = new JsonArray();
        foreach (var message in messages)
        {
            var turn = new JsonObject { ["role"] = message.Role, ["content"] = message.Content };
            if (message.Name is not null)
            {
                turn["name"] = message.Name;
            }

            list.Add(turn);
        }

        return Render(list, addGenerationPrompt);
    }

    /// <summary>Renders a conversation in JSON: messages may have any members, for example <c>tool_calls</c>.</summary>
    /// <param name="messages">The turns, oldest first.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the start of the assistant's turn.</param>
    /// <param name="variables">Further names that the template knows, for example <c>tools</c> or <c>enable_thinking</c>.</param>
    /// <exception cref="ChatRefusedException">The template refuses the messages.</exception>
    /// <exception cref="ChatTemplateException">The template fails on the messages, or exceeds a limit.</exception>
    public ChatText Render(JsonArray messages, bool addGenerationPrompt, JsonObject? variables = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var names = new TemplateScope(null);
        foreach (var (name, token) in _tokens.Named)
        {
            names.Set(name, MarkedText.Template(token));
        }

        if (_tokens.Additional.Count > 0)
        {
            names.Set("additional_special_tokens", new ListValue([.. _tokens.Additional.Select(MarkedText.Template)]));
        }

        names.Set("tools", null);
        names.Set("documents", null);
        names.Set("messages", ToValue(messages));
        names.Set("add_generation_prompt", addGenerationPrompt);
        foreach (var (name, value) in variables ?? [])
        {
            names.Set(name, ToValue(value));
        }

        return Render(names);
    }

    private ChatText Render(TemplateScope names)
    {
        var renderer = new TemplateRenderer(new RenderBudget(_limits, _time), _time);
        try
        {
            return new ChatText(renderer.Render(_template, names), _tokens.Unknown);
        }
        catch (TemplateRefusal refusal)
        {
            throw new ChatRefusedException(_file, renderer.Line, refusal.Message);
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(_file, renderer.Line, fault.Message, fault);
        }
    }

    private static object? ToValue(JsonNode? node)
    {
        switch (node)
        {
            case null:
                return null;
            case JsonArray array:
                return new ListValue([.. array.Select(ToValue)]);
            case JsonObject members:
                var dict = new DictValue(isInput: true);
                foreach (var (key, value) in members)
                {
                    // A role is a word that templates build control tokens from ('<|' + role + '|>').
                    dict.Items[key] = ToValue(value) is MarkedText text && key == "role" && Word().IsMatch(text.Value)
                        ? MarkedText.Template(text.Value)
                        : ToValue(value);
                }

                return dict;
            default:
                return ToScalar(node.AsValue());
        }
    }

    private static object? ToScalar(JsonValue value) => value.GetValueKind() switch
    {
        JsonValueKind.String => MarkedText.Input(value.GetValue<string>()),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => long.TryParse(value.ToJsonString(), CultureInfo.InvariantCulture, out long whole)
            ? (object)whole
            : double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture),
        _ => null,
    };

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_]{0,31}\z")]
    private static partial Regex Word();
}
