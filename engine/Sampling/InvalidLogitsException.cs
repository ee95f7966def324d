namespace Rudder.Engine.Sampling;

/// <summary>A row of logits is no distribution: it holds NaN or plus infinity, or every entry is minus infinity.</summary>
/// <param name="message">Which entry, and its value.</param>
public sealed class InvalidLogitsException(string message) : Exception(message);
