namespace Rudder.Datasets;

/// <summary>A data file that cannot be used: the message names file and line, what is wrong and what belongs there.</summary>
/// <param name="message">The whole story, fit for a user.</param>
/// <param name="inner">The failure underneath, where there was one.</param>
public sealed class DatasetException(string message, Exception? inner = null) : Exception(message, inner);
