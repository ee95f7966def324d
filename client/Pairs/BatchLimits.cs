namespace Rudder.Client.Pairs;

/// <summary>Bounds of how much is asked at once.</summary>
internal static class BatchLimits
{
    /// <summary>Refuses values out of range, naming the setting.</summary>
    /// <param name="batch">Prompts a request.</param>
    /// <param name="inFlight">Requests at once.</param>
    public static void Require(int batch, int inFlight)
    {
        if (batch is < 1 or > 1024)
        {
            throw new InputException($"batch is {batch}; it must lie between 1 and 1024 prompts.");
        }

        if (inFlight is < 1 or > 64)
        {
            throw new InputException($"in_flight is {inFlight}; it must lie between 1 and 64 requests.");
        }
    }
}
