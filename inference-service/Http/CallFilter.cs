using System.Text.Json;
using Grpc.Core;
using Rudder.Checkpoints;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Wraps every HTTP call: refuses it outside the serving phase, counts it, and sends failures in OpenAI's form.</summary>
internal sealed class CallFilter(
    ServiceState state, ServiceMetrics metrics, Rejections rejections, TimeProvider time, ILogger<CallFilter> logger)
    : IEndpointFilter
{
    private const string Events = "text/event-stream";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        string method = EndpointNames.Of(http.GetEndpoint());
        bool entered = false;
        long start = time.GetTimestamp();
        var status = StatusCode.OK;
        var aborted = http.RequestAborted;                   // a call may replace it with its own token
        metrics.CallStarted(method);
        http.Response.Headers["x-request-id"] = http.TraceIdentifier;
        try
        {
            entered = state.TryEnter(out var phase) ? true : throw RpcErrors.NotServing(phase);
            await next(context);
        }
        catch (Exception exception)
        {
            var error = Translate(exception, http, method, aborted.IsCancellationRequested);
            status = error.Status;
            rejections.Count(exception, CalledModel.Of(http));
            http.RequestAborted = aborted;
            await TrySendAsync(http, error, exception);
        }
        finally
        {
            var duration = time.GetElapsedTime(start);
            string? model = CalledModel.Of(http);
            metrics.CallEnded(method, status.ToString(), duration, model);
            ServiceTracing.Ended(method, status, model);
            Log.CallEnded(logger, method, status.ToString(), duration.TotalMilliseconds);
            if (entered)
            {
                state.Leave();
            }
        }

        return Results.Empty;                                // the reply is already sent
    }

    private ApiError Translate(Exception exception, HttpContext http, string method, bool cancelled)
    {
        if (ApiErrors.IsInternal(exception, cancelled))
        {
            Log.CallFailed(logger, method, http.TraceIdentifier, MessageText.TypesOf(exception));
        }

        bool hasOnePrompt = http.Features.Get<CompletionRequest>()?.Prompt?.IsList != true;
        bool isChat = http.Features.Get<ChatRequest>() is not null;
        return ApiErrors.From(exception, cancelled, hasOnePrompt, http.TraceIdentifier, isChat);
    }

    private static async Task TrySendAsync(HttpContext http, ApiError error, Exception exception)
    {
        try
        {
            if (!http.RequestAborted.IsCancellationRequested)
            {
                await SendAsync(http, error, exception);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            http.Abort();                                    // the reader has gone
        }
    }

    private static Task SendAsync(HttpContext http, ApiError error, Exception exception)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.Clear();
            ApiErrors.SetRetry(http.Response.Headers, error, exception);
            return error.SendAsync(http);
        }

        if (http.Response.ContentType == Events)
        {
            return http.Response.WriteAsync($"data: {JsonSerializer.Serialize(error.Body, ReplyJson.Options)}\n\n", http.RequestAborted);
        }

        // Part of the reply is sent. A broken connection shows the reader that it is incomplete.
        http.Abort();
        return Task.CompletedTask;
    }
}
