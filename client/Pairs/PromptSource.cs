using Rudder.Datasets;

namespace Rudder.Client.Pairs;

/// <summary>Which texts of a file become prompts, and where they are cut. docs/experiments.md documents the keys.</summary>
internal sealed record PromptSource(
    string File,
    PromptFormat Format = PromptFormat.Prompts,
    int Take = 0,
    int Skip = 0,
    string? First = null,
    string? Last = null,
    CutRange? Cut = null,
    IReadOnlyList<string>? Exclude = null,
    int MaxTokens = 0)
{
    /// <summary>The texts in file order, after range, exclusions and skip.</summary>
    public IEnumerable<(string Id, string Text)> Read()
    {
        Validate();
        HashSet<string> excluded = [.. (Exclude ?? []).SelectMany(ExclusionIds.Read)];
        return Range(Rows()).Where(row => !excluded.Contains(row.Id)).Skip(Skip);
    }

    /// <summary>Checks what can be checked without a service: the files can be read and hold a text.</summary>
    /// <exception cref="BadInputException">A file is missing, or no text is left after range, exclusions and skip.</exception>
    public void Require()
    {
        if (!Read().Any())
        {
            throw new BadInputException($"{File} has no text left after the range, the exclusions and the first {Skip} texts.");
        }
    }

    private void Validate()
    {
        if (!System.IO.File.Exists(File))
        {
            throw new BadInputException($"The prompt file {Path.GetFullPath(File)} does not exist.");
        }

        if (Take < 0 || Skip < 0)
        {
            throw new BadInputException($"{File}: take is {Take} and skip is {Skip}; neither can be negative.");
        }

        BadInputException.Unless(
            MaxTokens >= 0 && (MaxTokens == 0 || Cut is null), $"{File}: max_tokens is {MaxTokens}; it must be 0 or more, and 0 beside cut.");
        _ = Cut?.Validated();
    }

    private IEnumerable<(string Id, string Text)> Rows() =>
        Format switch
        {
            PromptFormat.Reviews => Reviews.Read(File, cleanHtml: true).Select(review => (review.Id, review.Text)),
            PromptFormat.Dialogues => DialoguePairs.Read(File).OfType<DialoguePair>().Select(pair => (pair.Id, pair.Prompt)),
            _ => Prompts.Read(File).Select(prompt => (prompt.Id, prompt.Text)),
        };

    private IEnumerable<(string Id, string Text)> Range(IEnumerable<(string Id, string Text)> rows)
    {
        bool inside = First is null;
        bool ended = Last is null;
        foreach ((string Id, string Text) row in rows)
        {
            inside |= row.Id == First;
            if (inside)
            {
                yield return row;
            }

            if (inside && row.Id == Last)
            {
                ended = true;
                break;
            }
        }

        if (!inside || !ended)
        {
            throw new BadInputException($"{File} has no text with id '{(inside ? Last : First)}', which the range {First}..{Last} names.");
        }
    }
}

/// <summary>How a file of texts is read.</summary>
internal enum PromptFormat
{
    /// <summary>{"id","text"} lines, or plain text.</summary>
    Prompts,

    /// <summary>Review rows {"id","text","label"}, cleaned of markup.</summary>
    Reviews,

    /// <summary>{"chosen","rejected"} rows of whole dialogues; the prompt is what comes before the last answer.</summary>
    Dialogues,
}
