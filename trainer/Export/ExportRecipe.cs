using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Export;

/// <summary>The recipe of <c>trainer export</c>.</summary>
internal sealed record ExportRecipe : ExportSettings
{
    /// <summary>Model folder to export. Required.</summary>
    public string? Model { get; init; }

    /// <summary>Folder of the graphs.</summary>
    public string? Output { get; init; }

    /// <summary>Threads of the check; 0 means one per physical core.</summary>
    [Range(0, 1024)] public int Threads { get; init; }
}
