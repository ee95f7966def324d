using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Rudder.Datasets;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings of recipes that learn from judged completions of prompts.</summary>
internal abstract record CompletionRecipe : TrainingRecipe
{
    [JsonConverter(typeof(FilesConverter))] public IReadOnlyList<string>? Pairs { get; init; }
    [JsonConverter(typeof(FilesConverter))] public IReadOnlyList<string>? EvaluationPairs { get; init; }
    public ColumnSettings Columns { get; init; } = new();
    [AllowedValues("stop", "skip")] public string BadRows { get; init; } = "stop";
    [Range(0, 8192)] public int MaxLength { get; init; }
    [Range(0, 8192)] public int MaxPrompt { get; init; }
    [AllowedValues("refuse", "truncate", "truncate_prompt", "truncate_completion")] public string OverLength { get; init; } = "refuse";

    /// <summary>The names whose columns may be given.</summary>
    protected virtual string[] ReadColumns => ["prompt", "chosen", "rejected"];

    public override IEnumerable<string> InputFiles() => DataFiles.Find([.. Pairs ?? [], .. EvaluationPairs ?? []]);

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Columns.Check(path, "columns", ReadColumns);
        return this;
    }
}
