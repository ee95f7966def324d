using System.Text.RegularExpressions;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Grpc;

/// <summary>The checks that several calls share. Each failure names the field, its value, the limit and the remedy.</summary>
internal sealed partial class RequestValidation(ServiceOptions options)
{
    /// <summary>The limits.</summary>
    public ServiceOptions Options => options;

    /// <summary>A model's name, before it is looked up or given.</summary>
    /// <param name="field">Field that holds it.</param>
    /// <param name="name">The name.</param>
    /// <param name="remedy">What to do where it is empty.</param>
    public static string Name(string field, string name, string remedy = "Models.List names the loaded models.") =>
        name.Length == 0 ? throw RpcErrors.Invalid($"{field} is empty. {remedy}")
        : LegalName().IsMatch(name) ? name
        : throw RpcErrors.Invalid(
            $"{field} is no model name ({name.Length} characters): a letter or digit, then up to 127 letters, digits, '.', '-' and '_'.");

    /// <summary>A number within its limits.</summary>
    public static int InRange(string field, int value, int low, int high, string remedy) => value >= low && value <= high
        ? value
        : throw RpcErrors.Invalid($"{field} is {value}; it takes {low} to {high}. {remedy}");

    /// <summary>How many entries a repeated field has: at least one, at most the limit.</summary>
    public static void Count(string field, int count, int limit)
    {
        if (count == 0)
        {
            throw RpcErrors.Invalid($"{field} is empty; it takes 1 to {limit} entries.");
        }

        if (count > limit)
        {
            throw RpcErrors.Invalid($"{field} has {count} entries; the limit is {limit}. Send several calls.");
        }
    }

    /// <summary>A text within the length limit.</summary>
    public string Text(string field, string text) => text.Length <= options.MaxTextLength
        ? text
        : throw RpcErrors.Invalid($"{field} has {text.Length} characters; the limit is {options.MaxTextLength}. Shorten it, or raise Service:MaxTextLength.");

    /// <summary>The ids of a text within the length limit.</summary>
    /// <param name="field">The field.</param>
    /// <param name="text">Its text.</param>
    /// <param name="model">The model.</param>
    /// <param name="remedy">How to do without, where the model has no tokenizer.</param>
    public int[] Encode(string field, string text, LoadedModel model, string remedy)
    {
        try
        {
            return Tokenizer(field, model, remedy).Encode(Text(field, text));
        }
        catch (SurplusTokenException)
        {
            throw RpcErrors.Invalid($"{field} holds a token that the tokenizer of model '{model.Name}' has and the model does not: its ids are 0 to {model.Vocabulary - 1}. Leave that token out.");
        }
    }

    /// <summary>Ids of a model.</summary>
    public static int[] Ids(string field, IReadOnlyList<int> ids, LoadedModel model)
    {
        for (int i = 0; i < ids.Count; i++)
        {
            if ((uint)ids[i] >= (uint)model.Vocabulary)
            {
                throw RpcErrors.Invalid($"{field}[{i}] is {ids[i]}; model '{model.Name}' has ids 0 to {model.Vocabulary - 1}.");
            }
        }

        return [.. ids];
    }

    /// <summary>Ids that the model's tokenizer knows too: a model's vocabulary may be padded beyond it.</summary>
    /// <param name="field">The field.</param>
    /// <param name="ids">Ids of the model.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    public static void HaveText(string field, ReadOnlySpan<int> ids, LoadedModel model, TextTokenizer tokenizer)
    {
        int at = ids.IndexOfAnyExceptInRange(0, tokenizer.VocabularySize - 1);
        if (at >= 0)
        {
            throw RpcErrors.Invalid(
                $"{field}[{at}] is {ids[at]}; the tokenizer of model '{model.Name}' has ids 0 to {tokenizer.VocabularySize - 1}, the rest of the model's "
                + $"{model.Vocabulary} stand for no text. Leave it out.");
        }
    }

    /// <summary>The tokenizer that a field with text, or whose text is wanted, needs.</summary>
    /// <param name="field">The field.</param>
    /// <param name="model">The model.</param>
    /// <param name="remedy">How to do without.</param>
    public static TextTokenizer Tokenizer(string field, LoadedModel model, string remedy) => model.Tokenizer
        ?? throw RpcErrors.Invalid($"{field} cannot be used: model '{model.Name}' has no tokenizer and takes and gives ids only. {remedy}");

    /// <summary>The model's generator.</summary>
    public static IGenerator Generator(string field, LoadedModel model) => model.Generator ?? throw WrongKind(field, model, "generator");

    /// <summary>The model's scorer of completions.</summary>
    public static IScorer Scorer(string field, LoadedModel model) => model.Scorer ?? throw WrongKind(field, model, "generator");

    /// <summary>The model's classifier.</summary>
    public static IClassifier Classifier(string field, LoadedModel model) => model.Classifier ?? throw WrongKind(field, model, "classifier");

    private static Exception WrongKind(string field, LoadedModel model, string wanted)
    {
        string kind = model.Classifier is null ? "generator" : "classifier";
        return RpcErrors.Invalid($"{field} is '{model.Name}', a {kind}; this call needs a {wanted}. Models.List tells each model's kind.");
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\z")]
    private static partial Regex LegalName();
}
