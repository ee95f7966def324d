namespace Rudder.Client.Bench;

/// <summary>A server under test.</summary>
internal interface IBenchTarget : IDisposable
{
    /// <summary>Checks the model as far as the API allows.</summary>
    /// <returns>Random prompts take ids below this number.</returns>
    Task<int> PrepareAsync(CancellationToken cancel);

    /// <summary>Sends one request and reads its stream to the end.</summary>
    /// <param name="request">What to send.</param>
    /// <param name="timer">Gets each token as it arrives, and what the server counted.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="FailedRequestException">The server refused it, failed or is away.</exception>
    Task SendAsync(BenchRequest request, RequestTimer timer, CancellationToken cancel);
}

/// <summary>A request that did not end well.</summary>
/// <param name="status">Name of the failure under which results count it, e.g. RESOURCE_EXHAUSTED, 429, ConnectionError.</param>
/// <param name="message">What the server or the connection said.</param>
/// <param name="refused">True where the request is at fault: the same one would fail again.</param>
/// <param name="inner">The cause, if any.</param>
internal sealed class FailedRequestException(string status, string message, bool refused, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Name of the failure.</summary>
    public string Status { get; } = status;

    /// <summary>Whether the request is at fault.</summary>
    public bool Refused { get; } = refused;
}
