using System.Globalization;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Logs when a collector is unreachable or refuses data, at most once a minute for all signals together.</summary>
internal sealed class CollectorWatch(ILogger<CollectorWatch> logger, TimeProvider time)
{
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private long? _reported;

    /// <summary>Watches the connection of an exporter.</summary>
    /// <param name="inner">The connection.</param>
    public HttpMessageHandler Around(HttpMessageHandler inner) => new Handler(this, inner);

    private void Report(Uri? endpoint, string cause)
    {
        lock (_lock)
        {
            if (_reported is { } last && time.GetElapsedTime(last) < Silence)
            {
                return;
            }

            _reported = time.GetTimestamp();
        }

        // The URL may hold a user name and a password before the host; they stay out of the log.
        Log.CollectorFailed(logger, endpoint?.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped) ?? "", cause);
    }

    private sealed class Handler(CollectorWatch watch, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        // The exporter calls this on its own thread, which may wait.
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
            SendAsync(request, cancellationToken).GetAwaiter().GetResult();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            try
            {
                var response = await base.SendAsync(request, cancellationToken);

                // The gRPC status may follow the message, which is small.
                await response.Content.LoadIntoBufferAsync(cancellationToken);
                Judge(request, response);
                return response;
            }
            catch (Exception failure) when (Report(request, failure))
            {
                throw;
            }
        }

        // The collector's own message is left out: it may quote what it received.
        private void Judge(HttpRequestMessage request, HttpResponseMessage response)
        {
            if (!response.IsSuccessStatusCode)
            {
                watch.Report(request.RequestUri, string.Create(CultureInfo.InvariantCulture, $"HTTP status {(int)response.StatusCode}"));
            }
            else if (IsGrpc(request) && Status(response) is var status && status != "0")
            {
                watch.Report(request.RequestUri, int.TryParse(status, CultureInfo.InvariantCulture, out int code) ? $"gRPC status {code}" : "no gRPC status");
            }
        }

        private static bool IsGrpc(HttpRequestMessage request) =>
            request.Content?.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

        private static string? Status(HttpResponseMessage response) =>
            response.Headers.TryGetValues("grpc-status", out var values) || response.TrailingHeaders.TryGetValues("grpc-status", out values)
                ? values.FirstOrDefault()
                : null;

        private bool Report(HttpRequestMessage request, Exception failure)
        {
            watch.Report(request.RequestUri, failure switch
            {
                OperationCanceledException => "no answer in time",
                HttpRequestException http => $"{http.HttpRequestError}, {http.GetBaseException().GetType().Name}",
                _ => failure.GetType().Name,
            });
            return false;
        }
    }
}
