using System.ComponentModel.DataAnnotations;
using Rudder.Datasets;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The reviews that a recipe reads, and those that it must exclude.</summary>
internal record ReviewSettings
{
    [MinLength(1)] public IReadOnlyList<string> Files { get; init; } = [];
    public IReadOnlyList<string> ExcludePairs { get; init; } = [];
    public IReadOnlyList<string> ExcludeTexts { get; init; } = [];
    public string? ExcludeIds { get; init; }
    public bool CleanHtml { get; init; }
    [Range(0, 100_000_000)] public int Limit { get; init; }

    /// <summary>Every file named here.</summary>
    public IEnumerable<string> InputFiles() => [.. DataFiles.Find(Files), .. ExcludePairs, .. ExcludeTexts, .. ExcludeIds is null ? [] : (string[])[ExcludeIds]];
}
