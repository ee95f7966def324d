using Grpc.Core;
using Grpc.Net.Client;

namespace Rudder.Trainer.Rl;

/// <summary>A running inference service: channel, API key, deadline and retries. Https needs a certificate that the system's roots sign.</summary>
internal sealed class ServiceConnection : IDisposable
{
    private const int MaxRequestBytes = 2 << 20;            // half of the service's default limit, which leaves room for what wraps the items
    private const int MaxReplyBytes = 64 << 20;             // the service's default limit of one reply
    private readonly GrpcChannel _channel;
    private readonly Metadata? _headers;
    private readonly TimeSpan _timeout;
    private readonly int _retries;
    private readonly TimeProvider _time;

    /// <summary>Opens a channel; nothing is sent until the first call.</summary>
    /// <param name="address">The service.</param>
    /// <param name="keyFile">File whose first line is the API key; null for a service without keys.</param>
    /// <param name="timeout">Deadline of one attempt.</param>
    /// <param name="retries">Attempts after the first, on UNAVAILABLE, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="BadInputException">The key file cannot be used.</exception>
    public ServiceConnection(Uri address, string? keyFile, TimeSpan timeout, int retries, TimeProvider time)
    {
        (Address, _timeout, _retries, _time) = (address, timeout, retries, time);
        _headers = keyFile is null ? null : new Metadata { { "authorization", $"Bearer {ReadKey(address, keyFile)}" } };
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { MaxReceiveMessageSize = MaxReplyBytes });
    }

    /// <summary>The service.</summary>
    public Uri Address { get; }

    /// <summary>Makes the calls of a generated client.</summary>
    public CallInvoker Calls => _channel.CreateCallInvoker();

    /// <summary>Divides the items of a call so that each part fits the service's default limits.</summary>
    /// <param name="items">What one call would carry.</param>
    /// <param name="count">Items of one call.</param>
    /// <param name="bytes">Bytes that an item takes in a request, at most.</param>
    public static IEnumerable<T[]> Parts<T>(IEnumerable<T> items, int count, Func<T, int> bytes)
    {
        List<T> part = [];
        long size = 0;
        foreach (T item in items)
        {
            int more = bytes(item);
            if (part.Count == count || (part.Count > 0 && size + more > MaxRequestBytes))
            {
                yield return [.. part];
                (part, size) = ([], 0);
            }

            part.Add(item);
            size += more;
        }

        if (part.Count > 0)
        {
            yield return [.. part];
        }
    }

    /// <summary>Makes a call, again while the service is away or full.</summary>
    /// <param name="start">Starts it; sent again unchanged.</param>
    /// <param name="stop">Ends the retries; an attempt under way is finished.</param>
    /// <exception cref="UnavailableException">The service does not answer.</exception>
    /// <exception cref="RpcException">The service refuses the call.</exception>
    public T Call<T>(Func<CallOptions, AsyncUnaryCall<T>> start, CancellationToken stop)
    {
        try
        {
            return Retries.Build(_retries, _time, IsTransient, stop)
                .ExecuteAsync(async _ => await start(Options(_timeout)))
                .AsTask().GetAwaiter().GetResult();
        }
        catch (RpcException failure) when (IsTransient(failure))
        {
            throw new UnavailableException($"The service at {Address} does not answer ({failure.StatusCode}, {failure.Status.Detail}).", failure);
        }
    }

    /// <summary>Makes a call once, with a short deadline, and ignores its failure: for what helps but is not needed.</summary>
    /// <param name="start">Starts it.</param>
    public void TryCall<T>(Func<CallOptions, AsyncUnaryCall<T>> start)
    {
        try
        {
            start(Options(TimeSpan.FromSeconds(5))).ResponseAsync.GetAwaiter().GetResult();
        }
        catch (RpcException)
        {
            // The service is away, or has forgotten what the call is about.
        }
    }

    public void Dispose() => _channel.Dispose();

    private CallOptions Options(TimeSpan limit) => new(headers: _headers, deadline: _time.GetUtcNow().UtcDateTime + limit);

    private static string ReadKey(Uri address, string path)
    {
        if (address.Scheme != Uri.UriSchemeHttps && !address.IsLoopback)
        {
            throw new BadInputException($"api_key_file would send the key in clear text to {address}; use https, or a loopback address.");
        }

        try
        {
            string line = File.ReadAllText(path).Split('\n')[0].Trim();
            return line.Length > 0 && line.All(letter => letter is > ' ' and <= '~')
                ? line
                : throw new BadInputException($"api_key_file: the first line of {path} is not a key; inference-service --new-key NAME prints one.");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"api_key_file: {path} cannot be read: {cause.Message}", cause);
        }
    }

    private static bool IsTransient(Exception? failure) =>
        failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded };
}
