using Rudder.Datasets;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Columns of the data files for the names that the trainer knows; a name without a column stands for itself.</summary>
internal sealed record ColumnSettings
{
    public string? Text { get; init; }
    public string? Prompt { get; init; }
    public string? Completion { get; init; }
    public string? Chosen { get; init; }
    public string? Rejected { get; init; }
    public string? Label { get; init; }
    public string? Id { get; init; }

    /// <summary>Refuses columns that a recipe does not read.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    /// <param name="prefix">Where the columns stand in it.</param>
    /// <param name="read">The names that it reads.</param>
    public void Check(string path, string prefix, params string[] read)
    {
        string? unread = Named().Keys.FirstOrDefault(name => !read.Contains(name));
        if (unread is not null)
        {
            throw new BadInputException($"{path}: {prefix}.{unread} is given, but this recipe does not read it. It reads {string.Join(", ", read)}.");
        }
    }

    /// <summary>How the rows are read.</summary>
    /// <param name="badRows">Gets those that cannot be used.</param>
    public RowSettings Rows(BadRows badRows) => new() { Columns = Named(), Skip = badRows.Skip };

    private Dictionary<string, string> Named() => new (string Name, string? Column)[]
    {
        ("text", Text), ("prompt", Prompt), ("completion", Completion), ("chosen", Chosen), ("rejected", Rejected), ("label", Label), ("id", Id),
    }.Where(column => column.Column is not null).ToDictionary(column => column.Name, column => column.Column!);
}
