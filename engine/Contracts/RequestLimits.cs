using System.Text.RegularExpressions;

namespace Rudder.Engine;

/// <summary>Validates requests. Each fault names the field, its value, the limit and the remedy.</summary>
internal static partial class RequestLimits
{
    private const int MaxTopLogProbs = 20;
    private const int BytesPerRanked = sizeof(int) + sizeof(float);

    /// <summary>Checks the name of a model.</summary>
    /// <exception cref="RequestFault">The name is empty or contains a character that is not allowed.</exception>
    public static string Name(string field, string name, string remedy = "Use the name of a loaded model.") =>
        name.Length == 0 ? throw new RequestFault(field, "is empty", "", remedy)
        : LegalName().IsMatch(name) ? name
        : throw new RequestFault(
            field, $"is not a model name ({name.Length} characters)", "a name is a letter or digit, then up to 127 letters, digits, '.', '-' and '_'", "");

    /// <summary>Checks that a number lies within its limits.</summary>
    /// <exception cref="RequestFault">The number is out of range.</exception>
    public static int InRange(string field, int value, int low, int high, string remedy) => value >= low && value <= high
        ? value
        : throw new RequestFault(field, $"is {value}", $"it takes {low} to {high}", remedy);

    /// <summary>Checks the number of entries of a list: at least one, at most the limit.</summary>
    /// <exception cref="RequestFault">The list is empty or too long.</exception>
    public static void Count(string field, int count, int limit) =>
        Length(field, count, 1, limit, "entries", count == 0 ? "" : "Send several calls.");

    /// <summary>Checks the length of a text or list; it may be empty only if the minimum is 0.</summary>
    /// <exception cref="RequestFault">The length is outside the limits.</exception>
    public static void Length(string field, int length, int low, int high, string unit, string remedy)
    {
        if (length < low || length > high)
        {
            throw new RequestFault(field, $"has {length} {unit}", $"it takes {low} to {high}", remedy);
        }
    }

    /// <summary>Checks that ids lie in the vocabulary.</summary>
    /// <exception cref="RequestFault">An id is out of range; the fault names its index.</exception>
    public static void Ids(string field, ReadOnlySpan<int> ids, int vocabulary)
    {
        int at = ids.IndexOfAnyExceptInRange(0, vocabulary - 1);
        if (at >= 0)
        {
            throw new RequestFault($"{field}[{at}]", "is outside the vocabulary", $"the model has ids 0 to {vocabulary - 1}", "");
        }
    }

    /// <summary>Checks the ids and the length of a prompt, after which some tokens must remain free.</summary>
    /// <exception cref="RequestFault">The prompt is empty or too long, or an id is outside the vocabulary.</exception>
    public static void Prompt(string field, ReadOnlySpan<int> ids, GeneratorInfo info, int least)
    {
        if (ids.Length == 0)
        {
            string start = info.EosId is { } eos ? $", for example the end-of-text id {eos}, which starts a text" : "";
            throw new RequestFault(field, "has 0 tokens", $"it takes at least 1{start}", "");
        }

        int limit = info.Context - least;
        if (ids.Length > limit)
        {
            throw new RequestFault(
                field, $"has {ids.Length} tokens", $"the model takes at most {limit}{(least > 0 ? ", so that one can be drawn" : "")}", "Shorten the prompt.");
        }

        Ids($"{field}.ids", ids, info.Vocabulary);
    }

    /// <summary>Checks that a completion fits in the context after its prompt.</summary>
    /// <exception cref="RequestFault">The context is too short.</exception>
    public static void NewTokens(int tokens, int promptTokens, GeneratorInfo info, int least)
    {
        int room = info.Context - promptTokens;
        if (tokens < least || tokens > room)
        {
            throw new RequestFault(
                "settings.max_new_tokens",
                $"is {tokens}",
                $"the model takes {least} to {room} tokens after a prompt of {promptTokens}",
                "Shorten the prompt or ask for fewer.");
        }
    }

    /// <summary>Checks the number of most probable tokens at each position.</summary>
    /// <exception cref="RequestFault">The number is out of range.</exception>
    public static void TopLogProbs(string field, int top) => InRange(field, top, 0, MaxTopLogProbs, "Ask for fewer.");

    /// <summary>
    /// Checks the most probable tokens of a whole request. They stay in memory until its end, even if they are streamed, and can take 20
    /// times the bytes of everything else.
    /// </summary>
    /// <param name="field">The field that asks for them.</param>
    /// <param name="value">What it asks for, for the fault.</param>
    /// <param name="ranked">Number of most probable tokens over all positions.</param>
    /// <param name="options">The limit.</param>
    /// <exception cref="RequestFault">There are too many.</exception>
    public static void Ranked(string field, string value, long ranked, EngineOptions options)
    {
        long limit = options.MaxRankedBytes / BytesPerRanked;
        if (ranked > limit)
        {
            throw new RequestFault(field, value, $"one call keeps at most {limit} log-probs for it", "Ask for fewer of them, or for less in one call.");
        }
    }

    /// <summary>Checks that a sequence to score fits the model.</summary>
    /// <exception cref="RequestFault">The prompt is empty, the sequence too long, an id outside the vocabulary, or a number out of range.</exception>
    public static void Sequence(string field, ScoredSequence sequence, int vocabulary, int context)
    {
        var (prompt, completion) = (sequence.PromptIds, sequence.CompletionIds);
        if (prompt.Length == 0)
        {
            throw new RequestFault($"{field}.prompt_ids", "has 0 ids", "it takes at least 1", "Use the model's end-of-text id, which starts a text.");
        }

        int total = prompt.Length + completion.Length;
        if (total > context)
        {
            throw new RequestFault(
                field, $"has {prompt.Length} + {completion.Length} = {total} ids", $"the model takes at most {context}", "Shorten it.");
        }

        Ids($"{field}.prompt_ids", prompt, vocabulary);
        Ids($"{field}.completion_ids", completion, vocabulary);
        TopLogProbs($"{field}.top_logprobs", sequence.TopLogProbs);
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\z")]
    private static partial Regex LegalName();
}
