using Rudder.Checkpoints;

namespace Rudder.Engine.Registry;

/// <summary>Turns conversations into prompts of one model. A template that cannot be used does not keep the model from loading.</summary>
internal sealed class ChatPrompts
{
    private const string Remedy = "Send a prompt instead of messages, or load a folder with a chat template.";

    private readonly ChatTemplate? _template;
    private readonly string? _fault;

    private ChatPrompts(ChatTemplate? template, string? fault) => (_template, _fault) = (template, fault);

    /// <summary>A model without a template.</summary>
    public static ChatPrompts None { get; } = new(null, null);

    /// <summary>Reads a folder's chat template.</summary>
    public static ChatPrompts Load(string folder)
    {
        try
        {
            return new ChatPrompts(ChatTemplate.Load(folder), null);
        }
        catch (ChatTemplateException e)
        {
            return new ChatPrompts(null, $"line {e.Line}: {e.Reason}");
        }
    }

    /// <summary>Renders and encodes messages.</summary>
    /// <exception cref="RequestFault">The model has no usable template or no tokenizer, or the messages do not fit them.</exception>
    public ChatPrompt Encode(LoadedModel model, IReadOnlyList<ChatMessage> messages)
    {
        var tokenizer = model.RequireTokenizer("messages");
        var template = _template ?? throw Unusable(model, _fault is null ? "it has no chat template" : $"its chat template cannot be used ({_fault})");
        RequireLength(messages.Sum(message => (long)message.Content.Length), model.Options);
        try
        {
            var text = template.Render(messages, addGenerationPrompt: true);
            RequireLength(text.Text.Length, model.Options);
            int[] ids = text.Encode(tokenizer);
            return new ChatPrompt(text.Text, ids, tokenizer.EosId is { } eos && eos < model.Description.Vocabulary ? [eos] : []);
        }
        catch (ChatRefusedException e)
        {
            throw new RequestFault("messages", "do not fit the chat template of the model", e.Reason, "", inner: e);
        }
        catch (ChatTemplateException e)
        {
            throw new RequestFault("messages", "cannot be rendered", $"line {e.Line} of the chat template: {e.Reason}", "", inner: e);
        }
        catch (SurplusTokenException e)
        {
            throw new RequestFault("messages", "need a token that the tokenizer has and the model does not", "", "Leave that text out.", inner: e);
        }
        catch (CheckpointException e)
        {
            throw new RequestFault("messages", "hold text that the tokenizer changes into a special token", "", "Leave that text out.", inner: e);
        }
    }

    private static RequestFault Unusable(LoadedModel model, string limit) => new("model", $"is '{model.Description.Name}'", limit, Remedy);

    private static void RequireLength(long characters, EngineOptions options)
    {
        if (characters > options.MaxTextLength)
        {
            throw new RequestFault(
                "messages", $"have {characters} characters", $"the limit is {options.MaxTextLength}", "Shorten them, or raise MaxTextLength.");
        }
    }
}
