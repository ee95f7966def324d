using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Export;

/// <summary>The recipe of <c>trainer export</c>.</summary>
internal sealed record ExportRecipe : ExportSettings
{
    public string? Model { get; init; }
    public string? Base { get; init; }
    public string? Output { get; init; }
    [Range(0, 1024)] public int Threads { get; init; }
}
