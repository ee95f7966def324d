using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Rudder.InferenceService.Lifetime;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Services;

/// <summary>Stands around every call: refuses it outside the serving phase, refuses unknown fields, counts it, and gives failures their status.</summary>
internal sealed class CallInterceptor(ServiceState state, ServiceMetrics metrics, TimeProvider time, ILogger<CallInterceptor> logger) : Interceptor
{
    private const string HealthPrefix = "/grpc.health.v1.Health/";

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        TResponse? response = null;
        await GuardAsync(request, context, async () => response = await continuation(request, context));
        return response!;
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync(request, context, () => continuation(request, responseStream, context));

    private async Task GuardAsync(object request, ServerCallContext context, Func<Task> call)
    {
        bool entered = false;
        long start = time.GetTimestamp();
        var status = StatusCode.OK;
        metrics.CallStarted(context.Method);
        try
        {
            entered = Enter(context.Method);
            RefuseUnknownFields(request);
            await call();
        }
        catch (Exception exception)
        {
            var failure = Translate(exception, context);
            status = failure.StatusCode;
            throw failure;
        }
        finally
        {
            var duration = time.GetElapsedTime(start);
            metrics.CallEnded(context.Method, status.ToString(), duration);
            Log.CallEnded(logger, context.Method, status.ToString(), duration.TotalMilliseconds);
            if (entered)
            {
                state.Leave();
            }
        }
    }

    /// <summary>Counts a call in; false where there is nothing to count.</summary>
    private bool Enter(string method)
    {
        // Health answers in every phase, and a watch is no work that draining waits for.
        if (method.StartsWith(HealthPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        return state.TryEnter(out var phase) ? true : throw RpcErrors.NotServing(phase);
    }

    private static void RefuseUnknownFields(object request)
    {
        if (FirstUnknownField((IMessage)request) is { } field)
        {
            throw RpcErrors.Invalid(
                $"{field} is unknown to this service, or of another type there, and would be ignored; leave it out, or use one version of the protocol on both sides.");
        }
    }

    private static string? FirstUnknownField(IMessage request)
    {
        try
        {
            return UnknownFields.FirstIn(request);
        }
        catch (InvalidProtocolBufferException)
        {
            throw RpcErrors.Invalid("the request holds bytes that are no message; use one version of the protocol on both sides.");
        }
    }

    private RpcException Translate(Exception exception, ServerCallContext context)
    {
        string reference = context.GetHttpContext().TraceIdentifier;
        bool pastDeadline = context.Deadline <= time.GetUtcNow().UtcDateTime;
        var failure = RpcErrors.From(exception, context.CancellationToken.IsCancellationRequested, pastDeadline, reference);
        if (RpcErrors.IsInternal(exception))
        {
            Log.CallFailed(logger, context.Method, reference, Log.Describe(exception));
        }

        return failure;
    }
}
