using Rudder.Inference.V1;

namespace Rudder.Client.Rpc;

/// <summary>Holds every reply against the model that the work began with.</summary>
internal static class ServedModel
{
    /// <summary>Refuses a reply of another model or another precision, so that no result mixes two models.</summary>
    /// <param name="began">The model when the work began.</param>
    /// <param name="call">e.g. Sampling.Sample.</param>
    /// <param name="fingerprint">The reply's fingerprint.</param>
    /// <param name="precision">The precision of the model that replied.</param>
    /// <exception cref="WorkFailedException">The service serves something else under this name now.</exception>
    public static void RequireSame(this ModelInfo began, string call, string fingerprint, Precision precision)
    {
        if (fingerprint != began.Fingerprint || precision != began.Precision)
        {
            throw new WorkFailedException(
                $"Model '{began.Name}' changed during the work: it began with {began.Fingerprint} ({began.Precision}), but {call} was answered by {fingerprint} ({precision}). Nothing of the other model was written. Serve the first model again and repeat the command to continue, or choose another output."
            );
        }
    }
}
