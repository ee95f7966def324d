using System.Globalization;
using Grpc.Core;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Stands around every call of the HTTP face: refuses it outside the serving phase, counts it, and answers its failures in that API's form.</summary>
internal sealed class OpenAiGuard(
    ServiceState state, ServiceMetrics metrics, Rejections rejections, ServiceTracing tracing, TimeProvider time, ILogger<OpenAiGuard> logger)
{
    /// <summary>Runs a call.</summary>
    /// <param name="http">The request.</param>
    /// <param name="method">What figures and logs name it by.</param>
    /// <param name="call">The call; what it throws becomes an error reply.</param>
    public async Task RunAsync(HttpContext http, string method, Func<Task> call)
    {
        bool entered = false;
        long start = time.GetTimestamp();
        var status = StatusCode.OK;
        metrics.CallStarted(method);
        http.Response.Headers["x-request-id"] = http.TraceIdentifier; // what a failure's message and log line name it by
        using var span = tracing.StartHttp(method);
        try
        {
            entered = state.TryEnter(out var phase) ? true : throw RpcErrors.NotServing(phase);
            await call();
        }
        catch (Exception exception)
        {
            var error = Translate(exception, http, method);
            status = error.Status;
            rejections.Count(exception, CalledModel.Of(http));
            await TryAnswerAsync(http, error, exception);
        }
        finally
        {
            var duration = time.GetElapsedTime(start);
            string? model = CalledModel.Of(http);
            metrics.CallEnded(method, status.ToString(), duration, model);
            ServiceTracing.End(span, status, model);
            Log.CallEnded(logger, method, status.ToString(), duration.TotalMilliseconds);
            if (entered)
            {
                state.Leave();
            }
        }
    }

    private OpenAiError Translate(Exception exception, HttpContext http, string method)
    {
        string reference = http.TraceIdentifier;
        if (OpenAiErrors.IsInternal(exception))
        {
            Log.CallFailed(logger, method, reference, Log.Describe(exception));
        }

        bool hasOnePrompt = http.Features.Get<CompletionRequest>()?.HasOnePrompt ?? true;
        return OpenAiErrors.From(exception, http.RequestAborted.IsCancellationRequested, hasOnePrompt, reference);
    }

    private static async Task TryAnswerAsync(HttpContext http, OpenAiError error, Exception exception)
    {
        try
        {
            if (!http.RequestAborted.IsCancellationRequested)
            {
                await AnswerAsync(http, error, exception);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or OpenAiException)
        {
            // Nobody is there to read the answer.
            http.Abort();
        }
    }

    private static void TellWhenToRetry(IHeaderDictionary headers, OpenAiError error, Exception exception)
    {
        if (exception is ClientLimitException { NeverPasses: true })
        {
            // The API's own clients try every 429 again by themselves, but for this header of theirs.
            headers["x-should-retry"] = "false";
        }
        else if (error.Http is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            double wait = exception is ClientLimitException { RetryAfter: { } after } ? Math.Ceiling(after.TotalSeconds) : 1;
            headers.RetryAfter = ((long)wait).ToString(CultureInfo.InvariantCulture);
        }
    }

    private static async Task AnswerAsync(HttpContext http, OpenAiError error, Exception exception)
    {
        if (!http.Response.HasStarted)
        {
            TellWhenToRetry(http.Response.Headers, error, exception);
            await OpenAiReply.WriteAsync(http, error.Http, json => OpenAiReply.WriteError(json, error));
        }
        else if (ServerEvents.IsStream(http.Response))
        {
            await new ServerEvents(http.Response).SendAsync(json => OpenAiReply.WriteError(json, error), http.RequestAborted);
        }
        else
        {
            // Half a reply is on its way: only a broken connection tells the reader that it is not whole.
            http.Abort();
        }
    }
}
