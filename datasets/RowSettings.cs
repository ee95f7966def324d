namespace Rudder.Datasets;

/// <summary>How the rows of data files are read.</summary>
/// <example><code>
/// List&lt;DatasetException&gt; unusable = [];
/// RowSettings settings = new() { Columns = new Dictionary&lt;string, string&gt; { ["prompt"] = "question" }, Skip = unusable.Add };
/// int usable = PreferencePairs.Read("answers.parquet", settings).Count();
/// </code></example>
public sealed record RowSettings
{
    /// <summary>The settings that read rows by their usual names and stop at the first row that cannot be used.</summary>
    public static RowSettings Default { get; } = new();

    /// <summary>Column in the file by usual name, such as "prompt". A name that is absent stands for itself. The default is empty.</summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a .txt file is one text. The default makes a text of every line that is not blank.</summary>
    public bool WholeTexts { get; init; }

    /// <summary>Gets each row that cannot be used, and reading goes on. Null, the default, throws it.</summary>
    public Action<DatasetException>? Skip { get; init; }

    /// <summary>The shapes of a row that can be used, for messages.</summary>
    internal string? Shape { get; init; }

    /// <summary>Null where the row cannot be used and is skipped.</summary>
    internal T? Use<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (DatasetException bad) when (bad.Row is not null && Skip is not null)
        {
            Skip(bad);
            return null;
        }
    }
}
