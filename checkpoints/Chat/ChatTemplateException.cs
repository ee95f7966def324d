namespace Rudder.Checkpoints;

/// <summary>A chat template cannot be read, or cannot be rendered with these messages. The message names the file and the line.</summary>
/// <param name="file">The file.</param>
/// <param name="line">Line of the template, from 1.</param>
/// <param name="reason">The construct or the limit, in whole sentences.</param>
/// <param name="inner">The cause, if any.</param>
public class ChatTemplateException(string file, int line, string reason, Exception? inner = null)
    : CheckpointException($"{file}, line {line}: {reason}", inner)
{
    /// <summary>Line of the template, from 1.</summary>
    public int Line { get; } = line;

    /// <summary>The construct or the limit, without the file and without text of a message.</summary>
    public string Reason { get; } = MessageText.Clean(reason);
}

/// <summary>A chat template refused the messages with <c>raise_exception</c>, for example because of the order of their roles.</summary>
/// <param name="file">The file.</param>
/// <param name="line">Line of the template, from 1.</param>
/// <param name="reason">The template's own words, without the parts that come from the messages.</param>
public sealed class ChatRefusedException(string file, int line, string reason) : ChatTemplateException(file, line, reason);

/// <summary>A failure inside a template, before its line is known. The message has no text of the conversation.</summary>
internal class TemplateFault(string message) : Exception(message);

/// <summary>The template called <c>raise_exception</c>.</summary>
internal sealed class TemplateRefusal(MarkedText text) : TemplateFault(text.WithoutInput());
