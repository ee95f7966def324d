using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The reviews that a recipe reads, and those that it must exclude.</summary>
internal record ReviewSettings
{
    /// <summary>Review files (.jsonl or .jsonl.gz; labelled ones for a classifier), read in this order.</summary>
    [MinLength(1)] public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Pair files. Their `source` reviews, and reviews with the same text, are left out.</summary>
    public IReadOnlyList<string> ExcludePairs { get; init; } = [];

    /// <summary>Review files. Reviews with the same texts are left out.</summary>
    public IReadOnlyList<string> ExcludeTexts { get; init; } = [];

    /// <summary>A text file of review ids to leave out, one per line.</summary>
    public string? ExcludeIds { get; init; }

    /// <summary>Whether texts are cleaned of review HTML before use (see <see cref="Rudder.Datasets.TextCleaning.Clean"/>).</summary>
    public bool CleanHtml { get; init; }

    /// <summary>Maximum number of reviews; 0 for all.</summary>
    [Range(0, 100_000_000)] public int Limit { get; init; }

    /// <summary>Every file named here.</summary>
    public IEnumerable<string> InputFiles() => [.. Files, .. ExcludePairs, .. ExcludeTexts, .. ExcludeIds is null ? [] : (string[])[ExcludeIds]];
}
