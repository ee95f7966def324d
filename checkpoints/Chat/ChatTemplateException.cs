namespace Rudder.Checkpoints;

/// <summary>A chat template cannot be read, or cannot be rendered with these messages. The message names the file and the line.</summary>
/// <param name="message">The message, with the construct or the limit.</param>
/// <param name="line">Line of the template, from 1.</param>
/// <param name="inner">The cause, if any.</param>
public class ChatTemplateException(MessageText message, int line, Exception? inner = null) : CheckpointException(message, inner)
{
    /// <summary>Line of the template, from 1.</summary>
    public int Line { get; } = line;
}

/// <summary>A chat template refused the messages with <c>raise_exception</c>, for example because of the order of their roles.</summary>
/// <param name="message">The message.</param>
/// <param name="reason">The template's own words.</param>
/// <param name="line">Line of the template, from 1.</param>
public sealed class ChatRefusedException(MessageText message, string reason, int line) : ChatTemplateException(message, line)
{
    /// <summary>The template's own words, without the parts that come from the messages.</summary>
    public string Reason { get; } = reason;
}

/// <summary>A failure inside a template, before its line is known.</summary>
internal class TemplateFault(string message) : Exception(message);

/// <summary>The template called <c>raise_exception</c>.</summary>
internal sealed class TemplateRefusal(MarkedText text) : TemplateFault(text.Value)
{
    public MarkedText Text { get; } = text;
}
