using System.CommandLine;
using System.CommandLine.Parsing;
using Rudder.Client.Pairs;

namespace Rudder.Client.Commands;

/// <summary>The options that choose the texts that become prompts.</summary>
internal sealed class PromptOptions
{
    private readonly Option<string?> _prompts = OptionOf.Optional(
        "--prompts", "FILE", "Prompt file: {\"id\",\"text\"} lines or plain text, one prompt per line");
    private readonly Option<string?> _reviews = OptionOf.Optional(
        "--reviews", "FILE", "Review file ({\"id\",\"text\",\"label\"} lines, also .gz), cut to 2-8 tokens unless --cut says otherwise");
    private readonly Option<int> _count = OptionOf.Default("--count", 0, "Prompts wanted; 0 takes all");
    private readonly Option<int> _skip = OptionOf.Default("--skip", 0, "Texts left out at the start");
    private readonly Option<string?> _first = OptionOf.Optional("--first", "ID", "Id of the first text used");
    private readonly Option<string?> _last = OptionOf.Optional("--last", "ID", "Id of the last text used");
    private readonly Option<string?> _cut = OptionOf.Optional(
        "--cut", "MIN-MAX", "Tokens kept of each text, e.g. 2-8; each text's length follows from its id");
    private readonly Option<string[]> _exclude = new("--exclude")
    {
        Description = "File whose ids are left out; may be repeated",
        HelpName = "FILE",
    };

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [_prompts, _reviews, _count, _skip, _first, _last, _cut, _exclude];

    /// <summary>Refuses both of --prompts and --reviews, and neither.</summary>
    public void Check(CommandResult result)
    {
        if (result.GetResult(_prompts) is null == result.GetResult(_reviews) is null)
        {
            result.AddError("Give one of --prompts FILE and --reviews FILE.");
        }
    }

    /// <summary>What the command line asks for.</summary>
    public PromptSource Read(ParseResult parsed)
    {
        bool fromReviews = parsed.GetValue(_reviews) is not null;
        string? range = parsed.GetValue(_cut) ?? (fromReviews ? "2-8" : null);
        return new PromptSource(
            parsed.GetValue(_prompts) ?? parsed.GetRequiredValue(_reviews)!, fromReviews ? PromptFormat.Reviews : PromptFormat.Prompts,
            parsed.GetValue(_count), parsed.GetValue(_skip), parsed.GetValue(_first), parsed.GetValue(_last),
            range is null ? null : CutRange.Parse(range), parsed.GetValue(_exclude));
    }
}
