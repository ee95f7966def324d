namespace Rudder.Datasets;

/// <summary>A data file that cannot be used: the message names file and line, what is wrong and what belongs there.</summary>
/// <param name="message">The complete message for the user.</param>
/// <param name="inner">The cause, or null.</param>
public sealed class DatasetException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>"FILE:LINE" of the only row that is wrong; null where the file itself cannot be read.</summary>
    public string? Row { get; init; }
}
