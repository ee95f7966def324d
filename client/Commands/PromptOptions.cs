using System.CommandLine;
using Rudder.Client.Pairs;

namespace Rudder.Client.Commands;

/// <summary>The options that say which texts become prompts.</summary>
internal sealed class PromptOptions
{
    private readonly Option<string?> prompts = new("--prompts")
    {
        Description = "Prompt file: {\"id\",\"text\"} lines or plain text, one a line",
        HelpName = "FILE",
    };
    private readonly Option<string?> reviews = new("--reviews")
    {
        Description = "Review file ({\"id\",\"text\",\"label\"} lines, also .gz), cut to 2-8 tokens unless --cut says otherwise",
        HelpName = "FILE",
    };
    private readonly Option<int> count = new("--count") { Description = "Prompts wanted; 0 takes all", DefaultValueFactory = _ => 0 };
    private readonly Option<int> skip = new("--skip") { Description = "Texts left out at the start", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> first = new("--first") { Description = "Id of the first text used", HelpName = "ID" };
    private readonly Option<string?> last = new("--last") { Description = "Id of the last text used", HelpName = "ID" };
    private readonly Option<string?> cut = new("--cut")
    {
        Description = "Tokens kept of each text, e.g. 2-8; each text's length follows from its id",
        HelpName = "MIN-MAX",
    };
    private readonly Option<string[]> exclude = new("--exclude")
    {
        Description = "File whose ids are left out; may be repeated",
        HelpName = "FILE",
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[prompts, reviews, count, skip, first, last, cut, exclude])
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetResult(prompts) is null == result.GetResult(reviews) is null)
            {
                result.AddError("Give one of --prompts FILE and --reviews FILE.");
            }
        });
    }

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
