using System.CommandLine;
using Rudder.Client.Pairs;

namespace Rudder.Client.Commands;

/// <summary>The options that choose the texts that become prompts.</summary>
internal sealed class PromptOptions
{
    private readonly Option<string?> prompts = OptionOf.Optional(
        "--prompts",
        "FILE",
        "Prompt file: {\"id\",\"text\"} lines or plain text, one prompt per line"
    );
    private readonly Option<string?> reviews = OptionOf.Optional(
        "--reviews",
        "FILE",
        "Review file ({\"id\",\"text\",\"label\"} lines, also .gz), cut to 2-8 tokens unless --cut says otherwise"
    );
    private readonly Option<int> count = OptionOf.Default("--count", 0, "Prompts wanted; 0 takes all");
    private readonly Option<int> skip = OptionOf.Default("--skip", 0, "Texts left out at the start");
    private readonly Option<string?> first = OptionOf.Optional("--first", "ID", "Id of the first text used");
    private readonly Option<string?> last = OptionOf.Optional("--last", "ID", "Id of the last text used");
    private readonly Option<string?> cut = OptionOf.Optional(
        "--cut",
        "MIN-MAX",
        "Tokens kept of each text, e.g. 2-8; each text's length follows from its id"
    );
    private readonly Option<string[]> exclude = new("--exclude")
    {
        Description = "File whose ids are left out; may be repeated",
        HelpName = "FILE",
    };

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [prompts, reviews, count, skip, first, last, cut, exclude];

    /// <summary>Makes a command refuse both of --prompts and --reviews, and neither.</summary>
    public void Validate(Command command) =>
        command.Validators.Add(result =>
        {
            if (result.GetResult(prompts) is null == result.GetResult(reviews) is null)
            {
                result.AddError("Give one of --prompts FILE and --reviews FILE.");
            }
        });

    /// <summary>What the command line asks for.</summary>
    public PromptSource Read(ParseResult parsed)
    {
        bool fromReviews = parsed.GetValue(reviews) is not null;
        string? range = parsed.GetValue(cut) ?? (fromReviews ? "2-8" : null);
        return new PromptSource(
            parsed.GetValue(prompts) ?? parsed.GetRequiredValue(reviews)!,
            fromReviews ? PromptFormat.Reviews : PromptFormat.Prompts,
            parsed.GetValue(count),
            parsed.GetValue(skip),
            parsed.GetValue(first),
            parsed.GetValue(last),
            range is null ? null : CutRange.Parse(range),
            parsed.GetValue(exclude)
        );
    }
}
