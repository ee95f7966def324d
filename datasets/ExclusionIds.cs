namespace Rudder.Datasets;

/// <summary>Reads the ids of texts to leave out of a set.</summary>
public static class ExclusionIds
{
    private const string Column = "id";

    /// <summary>Streams the ids that a file names: <c>id</c> and <c>source</c> of JSON Lines, or the column <c>id</c> of a table.</summary>
    /// <param name="path">A .tsv file whose first line names the columns; any other ending is JSON Lines. Both may be packed (.gz).</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed row, or a table without that column.</exception>
    public static IEnumerable<string> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool table = path.EndsWith(".tsv", StringComparison.Ordinal) || path.EndsWith(".tsv.gz", StringComparison.Ordinal);
        return table ? FromTable(path) : FromRows(path);
    }

    private static IEnumerable<string> FromRows(string path)
    {
        foreach (var (_, row) in DataRows.Read(path))
        {
            foreach (string id in (string[])[.. row.Ids("id"), .. row.Ids("source")])
            {
                yield return id;
            }
        }
    }

    private static IEnumerable<string> FromTable(string path)
    {
        int column = -1;
        foreach (var (number, line) in TextLines.Read(path))
        {
            string[] cells = line.Split('\t');
            if (column < 0)
            {
                column = Array.IndexOf(cells, Column);
                if (column < 0)
                {
                    throw new DatasetException($"{path}:{number}: has no column '{Column}'. The first line names the columns, separated by tabs.");
                }
            }
            else
            {
                yield return column < cells.Length
                    ? cells[column]
                    : throw new DatasetException($"{path}:{number}: has {cells.Length} columns; '{Column}' is column {column + 1}. Separate columns by tabs.");
            }
        }

        if (column < 0)
        {
            throw new DatasetException($"{path}: is empty. Its first line must name the columns, '{Column}' among them, separated by tabs.");
        }
    }
}
