using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;

namespace Rudder.Checkpoints;

/// <summary>Requests to one hub: retries, follows redirects itself, and keeps the token from every other host.</summary>
internal sealed class HubConnection : IDisposable
{
    /// <summary>Longest wait that a hub may ask for with Retry-After; huggingface.co counts requests in windows of 5 minutes.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private const int MostRedirects = 8;
    private const int Retries = 5;
    private readonly HubSettings _settings;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;
    private readonly ResiliencePipeline _retrying;

    /// <summary>Opens a client; nothing is sent yet.</summary>
    /// <param name="settings">The hub and the token.</param>
    /// <param name="time">Clock of waits and limits.</param>
    public HubConnection(HubSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        bool proxy = !settings.Endpoint.IsLoopback;
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = proxy })
        {
            Timeout = Timeout.InfiniteTimeSpan, // each wait for bytes has its own limit
        };
        _client.DefaultRequestHeaders.UserAgent.ParseAdd("rudder");
        _client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("identity");
        _retrying = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = arguments =>
                    ValueTask.FromResult(arguments.Outcome.Exception is PassingFault fault && !(fault.Wait > LongestWait)),
                DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as PassingFault)?.Wait),
                MaxRetryAttempts = Retries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = settings.FirstWait,
                MaxDelay = TimeSpan.FromSeconds(30),
            })
            .Build();
    }

    /// <summary>Address of a path below the hub's.</summary>
    /// <param name="path">Escaped, without a slash in front.</param>
    public Uri Address(string path) => new($"{_settings.Endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    /// <summary>Asks until an attempt succeeds, the fault is final or the retries are used up.</summary>
    /// <param name="address">Below <see cref="Address"/>.</param>
    /// <param name="from">First byte wanted at each attempt.</param>
    /// <param name="read">Reads the answer; may be called again after a fault.</param>
    /// <param name="stop">Ends waits and transfers.</param>
    /// <exception cref="HubUnavailableException">The hub does not answer, or breaks off every time.</exception>
    /// <exception cref="CheckpointException">The hub refuses.</exception>
    public async Task<T> GetAsync<T>(
        Uri address, Func<long> from, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken stop)
    {
        try
        {
            return await _retrying.ExecuteAsync(
                async token =>
                {
                    using HttpResponseMessage answer = await SendAsync(address, from(), token).ConfigureAwait(false);
                    return await read(answer, token).ConfigureAwait(false);
                },
                stop).ConfigureAwait(false);
        }
        catch (PassingFault fault) when (fault.Wait > LongestWait)
        {
            throw new HubUnavailableException(
                $"{address} asks to wait for {fault.Wait.Value.TotalSeconds:0} s ({fault.Message}); try again then.", fault);
        }
        catch (PassingFault fault)
        {
            throw new HubUnavailableException(
                $"{address}: {fault.Message}, also after {Retries} retries. Check the network and HF_ENDPOINT, and try again: "
                + $"what was fetched is kept.",
                fault);
        }
    }

    /// <summary>Reads the next bytes of an answer.</summary>
    /// <returns>Their number; 0 at the end.</returns>
    /// <exception cref="PassingFault">The connection is cut or silent.</exception>
    public async ValueTask<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken stop)
    {
        using var limit = new Limit(_settings.Silence, _time, stop);
        try
        {
            return await body.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsNetwork(e, stop))
        {
            throw new PassingFault($"the connection broke ({e.Message})", null, e);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Uri address, long from, CancellationToken stop)
    {
        Uri target = address;
        for (int hop = 0; hop <= MostRedirects; hop++)
        {
            HttpResponseMessage answer = await SendOnceAsync(target, from, stop).ConfigureAwait(false);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308) || answer.Headers.Location is not { } location)
            {
                return Accepted(answer, target);
            }

            answer.Dispose();
            target = Next(target, location);
        }

        throw new CheckpointException($"{address}: the hub redirects more than {MostRedirects} times.");
    }

    private Uri Next(Uri from, Uri location)
    {
        Uri next = location.IsAbsoluteUri ? location : new Uri(from, location);
        bool downgrade = from.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps;
        return HubSettings.IsSafe(next) && !downgrade
            ? next
            : throw new CheckpointException(
                $"{from} redirects to {next.GetLeftPart(UriPartial.Path)}; "
                + $"only https addresses are followed, or this machine's from this machine.");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(Uri target, long from, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        if (_settings.Token is { } token && IsHub(target))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        request.Headers.Range = from > 0 ? new RangeHeaderValue(from, null) : null;
        using var limit = new Limit(_settings.Silence, _time, stop);
        try
        {
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsNetwork(e, stop))
        {
            throw new PassingFault($"no answer ({e.Message})", null, e);
        }
    }

    private bool IsHub(Uri target) =>
        Uri.Compare(target, _settings.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private HttpResponseMessage Accepted(HttpResponseMessage answer, Uri target)
    {
        int status = (int)answer.StatusCode;
        if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return answer;
        }

        TimeSpan? wait = answer.Headers.RetryAfter is { } after ? after.Delta ?? (after.Date - _time.GetUtcNow()) : null;
        answer.Dispose();
        throw status is 408 or 429 or >= 500
            ? new PassingFault(FormattableString.Invariant($"status {status}"), wait < TimeSpan.Zero ? TimeSpan.Zero : wait)
            : new CheckpointException($"{target.GetLeftPart(UriPartial.Path)}: status {status}. {Remedy(status)}");
    }

    private string Remedy(int status) => status switch
    {
        401 or 403 when _settings.Token is null =>
            "No such model, or it needs a token: accept its licence on the hub if it has one, and set HF_TOKEN.",
        401 or 403 => "The token may not read this model. Accept its licence on the hub, or give another HF_TOKEN.",
        404 => "The hub has no such model, revision or file. Check the spelling of NAME@REVISION.",
        _ => "The hub refuses the request.",
    };

    private static bool IsNetwork(Exception failure, CancellationToken stop) => !stop.IsCancellationRequested
        && failure is HttpRequestException or IOException or OperationCanceledException;

    /// <summary>A fault that a later attempt may not meet.</summary>
    internal sealed class PassingFault(string message, TimeSpan? wait = null, Exception? inner = null) : Exception(message, inner)
    {
        /// <summary>How long the hub asks to wait.</summary>
        public TimeSpan? Wait { get; } = wait;
    }

    /// <summary>A token that fires on the caller's stop or after a silence.</summary>
    private sealed class Limit : IDisposable
    {
        private readonly CancellationTokenSource _silence;
        private readonly CancellationTokenSource _either;

        public Limit(TimeSpan silence, TimeProvider time, CancellationToken stop)
        {
            _silence = new CancellationTokenSource(silence, time);
            _either = CancellationTokenSource.CreateLinkedTokenSource(_silence.Token, stop);
        }

        public CancellationToken Token => _either.Token;

        public void Dispose()
        {
            _either.Dispose();
            _silence.Dispose();
        }
    }
}
