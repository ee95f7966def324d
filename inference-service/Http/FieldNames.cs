using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Http;

/// <summary>Turns the gRPC names of a message's fields into those of the HTTP face: settings.max_new_tokens is max_tokens here.</summary>
internal static partial class FieldNames
{
    /// <summary>A message with this face's names.</summary>
    /// <param name="message">As the gRPC face words it.</param>
    /// <param name="hasOnePrompt">Whether the request gave its prompt outside a list.</param>
    public static string Translate(string message, bool hasOnePrompt)
    {
        message = UseIds().Replace(message, "Send token ids.");
        message = PromptItem().Replace(message, match => hasOnePrompt ? "prompt" : $"prompt[{match.Groups[1].Value}]");
        message = Prompts().Replace(message, "prompt");
        message = UseStopIds().Replace(message, "Leave it out.");
        message = StopStrings().Replace(message, "stop$1");
        message = MaxNewTokens().Replace(message, "max_tokens");
        message = TopLogProbs().Replace(message, "logprobs");
        message = Settings().Replace(message, "$1");
        return message
            .Replace("Models.List names", "GET /v1/models names", StringComparison.Ordinal)
            .Replace("Models.List tells each model's kind", "GET /v1/models names the generators", StringComparison.Ordinal)
            .Replace("Models.Load loads", "Models.Load of the gRPC face loads", StringComparison.Ordinal);
    }

    /// <summary>The parameter that a translated message is about: it stands first; null where none does.</summary>
    public static string? FirstIn(string message) => Parameter().Match(message) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex(@"Use prompts\[\d+\]\.ids\.")]
    private static partial Regex UseIds();

    [GeneratedRegex(@"\bprompts\[(\d+)\](?:\.text|\.ids)?")]
    private static partial Regex PromptItem();

    [GeneratedRegex(@"^prompts\b")]
    private static partial Regex Prompts();

    [GeneratedRegex(@"Use (?:settings\.)?stop_ids\.")]
    private static partial Regex UseStopIds();

    [GeneratedRegex(@"\b(?:settings\.)?stop_strings(\[\d+\])?")]
    private static partial Regex StopStrings();

    [GeneratedRegex(@"\b(?:settings\.)?max_new_tokens\b")]
    private static partial Regex MaxNewTokens();

    [GeneratedRegex(@"\btop_logprobs\b")]
    private static partial Regex TopLogProbs();

    [GeneratedRegex(@"\bsettings\.(temperature|top_p|top_k|min_p|seed)\b")]
    private static partial Regex Settings();

    [GeneratedRegex(@"^(?:the (?:number|length) of )?(model|prompt|n|max_tokens|temperature|top_p|top_k|min_p|logprobs|stop|seed)(?![A-Za-z0-9_])")]
    private static partial Regex Parameter();
}
