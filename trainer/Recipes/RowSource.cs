using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Preference.V1;
using Rudder.Trainer.Data;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Reads the data files of a recipe on judged completions, and lists rows that cannot be used in the run folder.</summary>
internal sealed class RowSource
{
    /// <summary>The list of rows that were left out, in the run folder.</summary>
    public const string BadRowsFile = "bad_rows.jsonl";

    private readonly CompletionRecipe _recipe;
    private readonly CompletionEncoder _encoder;
    private readonly RunFolder? _run;
    private readonly RunRequest _request;
    private readonly BadRows _badRows;

    /// <summary>Prepares the limits and the tokenizer.</summary>
    /// <param name="recipe">Columns and limits.</param>
    /// <param name="model">Its vocabulary and context count.</param>
    /// <param name="run">Gets the list of rows that were left out; null for none.</param>
    /// <param name="request">Shows what was read.</param>
    /// <exception cref="BadInputException">The limits do not fit the model.</exception>
    public RowSource(CompletionRecipe recipe, ModelConfig model, RunFolder? run, RunRequest request)
    {
        (_recipe, _run, _request) = (recipe, run, request);
        Limits = LimitsOf(recipe, model);
        _encoder = new CompletionEncoder(TextTokenizer.Load(recipe.Tokenizer ?? recipe.Model!, model.VocabularySize));
        _badRows = new BadRows(recipe.BadRows == "skip");
    }

    /// <summary>The lengths that the recipe and the model allow.</summary>
    public SequenceLimits Limits { get; }

    /// <summary>Reads pairs.</summary>
    /// <param name="patterns">Files or patterns.</param>
    /// <exception cref="BadInputException">No pair can be used, or bad rows stop the run.</exception>
    public PreferenceData Pairs(IReadOnlyList<string>? patterns)
    {
        if (patterns is not { Count: > 0 })
        {
            throw new BadInputException("pairs is missing: give the files of preference pairs, with prompt, chosen and rejected.");
        }

        IEnumerable<(string, PreferencePair)> rows =
            DataFiles.Find(patterns).SelectMany(file => PreferencePairs.ReadPlaced(file, _recipe.Columns.Rows(_badRows)));
        string name = string.Join(", ", patterns);
        PreferenceData data = PreferenceGrouping.Group(name, rows, _encoder, Limits, _badRows);
        Report(name, data);
        return data;
    }

    /// <summary>Reads completions with a judgement each.</summary>
    /// <inheritdoc cref="Pairs"/>
    public LabelledData Completions(IReadOnlyList<string> patterns)
    {
        IEnumerable<LabelledCompletion> rows =
            DataFiles.Find(patterns).SelectMany(file => LabelledCompletions.Read(file, _recipe.Columns.Rows(_badRows)));
        string name = string.Join(", ", patterns);
        var data = LabelledData.OfRows(name, rows, _encoder, Limits, _badRows);
        Report(name, data.Data);
        return data;
    }

    /// <summary>What was cut or left out, as metrics; empty where the recipe stops at such rows.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Counts(PreferenceData training) =>
        [.. Limits.OverLength == OverLength.Refuse ? [] : training.Cuts, .. _badRows.Metrics];

    private static SequenceLimits LimitsOf(CompletionRecipe recipe, ModelConfig model)
    {
        int length = recipe.MaxLength == 0 ? model.Context : recipe.MaxLength;
        if (length > model.Context || length < 2)
        {
            throw new BadInputException(
                $"max_length is {length}; the model's context is {model.Context} tokens. Give 2 to {model.Context}, or 0 for the whole context.");
        }

        int prompt = recipe.MaxPrompt == 0 ? length - 1 : recipe.MaxPrompt;
        return prompt < length
            ? new SequenceLimits(model.VocabularySize, length, prompt, SequenceLimits.OverLengthOf(recipe.OverLength))
            : throw new BadInputException($"max_prompt is {prompt}; it must leave room for a completion within max_length = {length}. Give 1 to {length - 1}.");
    }

    /// <summary>Shows the size of a data set, what was cut and what was left out, and lists the latter.</summary>
    private void Report(string name, PreferenceData data)
    {
        string pairs = data.Pairs > 0 ? $"{data.Pairs} pairs of " : string.Empty;
        _request.Progress.WriteLine($"{name}: {pairs}{data.Completions} completions of {data.Groups.Count} prompts");
        if (data.TruncatedPrompts + data.TruncatedCompletions > 0)
        {
            _request.Progress.WriteLine(
                $"{name}: cut to max_length and max_prompt: {data.TruncatedPrompts} prompts, {data.TruncatedCompletions} completions; "
                + $"{data.DroppedPairs} pairs dropped because cutting made them equal");
        }

        _badRows.Report(_run?.Ranks.IsFirst == true ? _run.File(BadRowsFile) : null, _request.Progress);
    }
}
