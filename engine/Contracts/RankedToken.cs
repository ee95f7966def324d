namespace Rudder.Engine;

/// <summary>One of the most probable tokens at a position.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProb">log softmax of the raw logits (temperature 1, no truncation) at <paramref name="Id"/>, nats.</param>
public readonly record struct RankedToken(int Id, float LogProb);
