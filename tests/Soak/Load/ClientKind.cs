namespace Rudder.InferenceService.Soak.Load;

/// <summary>How a client of a load test behaves. The first six compare their answers; the others misbehave.</summary>
internal enum ClientKind
{
    /// <summary>Sample under the policy.</summary>
    Sample,

    /// <summary>SampleStream under the policy, read to its end.</summary>
    Stream,

    /// <summary>Sample under the name whose model is swapped.</summary>
    Swapped,

    /// <summary>Classify.</summary>
    Classify,

    /// <summary>LogProbs under the policy.</summary>
    LogProbs,

    /// <summary>Divergence of the policy from the reference.</summary>
    Divergence,

    /// <summary>Leaves a stream after its first token.</summary>
    Cancel,

    /// <summary>Reads one token of a large stream, nothing for a while, then the rest.</summary>
    Stall,

    /// <summary>Resets its connection in mid-stream.</summary>
    Die,

    /// <summary>Gives less time than the work takes.</summary>
    Deadline,
}
