using System.Text.Encodings.Web;
using System.Text.Json;
using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>Rows of data files that cannot be used: the first one stops the run, or all are left out, counted and listed.</summary>
/// <param name="skip">Whether they are left out.</param>
internal sealed class BadRows(bool skip)
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }; // quotes stay quotes
    private readonly List<DatasetException> _rows = [];

    /// <summary>Rows left out so far.</summary>
    public int Count => _rows.Count;

    /// <summary>Gets rows that a reader cannot use; null lets the reader throw.</summary>
    public Action<DatasetException>? Skip => skip ? _rows.Add : null;

    /// <summary>The count as a metric; none where bad rows stop the run.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Metrics => skip ? [new("bad_rows", Count)] : [];

    /// <summary>Ends a message about data without any row that can be used; empty where no row was left out.</summary>
    public string Remark => Count > 0 ? $" {Count} rows could not be used. The first: {_rows[0].Message}" : string.Empty;

    /// <summary>The error of one row.</summary>
    /// <param name="place">"FILE:LINE".</param>
    /// <param name="problem">What is wrong and what to do, without a full stop.</param>
    public static DatasetException Of(string place, string problem) => new($"{place}: {problem}.") { Row = place };

    /// <summary>Uses one row.</summary>
    /// <returns>Whether it could be used.</returns>
    /// <exception cref="BadInputException">It could not, and bad rows stop the run.</exception>
    public bool Try(Action use)
    {
        try
        {
            use();
            return true;
        }
        catch (DatasetException bad) when (bad.Row is not null)
        {
            if (!skip)
            {
                throw new BadInputException(bad.Message, bad);
            }

            _rows.Add(bad);
            return false;
        }
    }

    /// <summary>Lists the rows in a file, one JSON object a line, and shows how many there are; does nothing where no row was left out.</summary>
    /// <param name="path">The list; null in a process that writes none.</param>
    /// <param name="progress">Gets the number.</param>
    public void Report(string? path, TextWriter progress)
    {
        if (Count > 0 && path is not null)
        {
            IEnumerable<string> lines = _rows.Select(bad => JsonSerializer.Serialize(new { row = bad.Row, problem = bad.Message }, Readable) + "\n");
            AtomicFile.WriteText(path, string.Concat(lines));
            progress.WriteLine($"{Count} rows could not be used and are left out; {path} lists them");
        }
    }
}
