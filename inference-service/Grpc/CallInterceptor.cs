using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Rudder.Checkpoints;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Wraps every call: checks the phase and unknown fields, counts the call, and maps failures to a status.</summary>
internal sealed class CallInterceptor(
    ServiceState state, ServiceMetrics metrics, Rejections rejections, ReplyBudget replies, TimeProvider time, ILogger<CallInterceptor> logger)
    : Interceptor
{
    private const string HealthPrefix = "/grpc.health.v1.Health/";
    private const string ReflectionPrefix = "/grpc.reflection.";

    // Below this size compression costs more than it saves; a message of 30 bytes even grows.
    private const int SmallestPackedReply = 4096;

    // A deadline's timer uses the system's coarse clock and may fire some milliseconds early.
    private static readonly TimeSpan TimerSlack = TimeSpan.FromMilliseconds(20);

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        TResponse? response = null;
        await GuardAsync(request, context, async () =>
        {
            response = await continuation(request, context);
            int size = ((IMessage)response).CalculateSize();
            if (size < SmallestPackedReply)
            {
                context.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
            }
            else
            {
                replies.Take(context.GetHttpContext(), size);
            }
        });

        return response!;
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        context.WriteOptions = new WriteOptions(WriteFlags.NoCompress); // one token per message
        return GuardAsync(request, context, () => continuation(request, responseStream, context));
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync(null, context, () => continuation(requestStream, responseStream, context));

    private async Task GuardAsync(object? request, ServerCallContext context, Func<Task> call)
    {
        context.GetHttpContext().Features.Set(MessageRead.Instance);
        bool entered = false;
        long start = time.GetTimestamp();
        var status = StatusCode.OK;
        metrics.CallStarted(context.Method);
        try
        {
            entered = Enter(context.Method);
            if (request is not null)
            {
                RefuseUnknownFields(request);
            }

            await call();
        }
        catch (Exception exception)
        {
            var failure = Translate(exception, context);
            status = failure.StatusCode;
            rejections.Count(exception, CalledModel.Of(context.GetHttpContext()));
            throw failure;
        }
        finally
        {
            var duration = time.GetElapsedTime(start);
            string? model = CalledModel.Of(context.GetHttpContext());
            metrics.CallEnded(context.Method, status.ToString(), duration, model);
            ServiceTracing.Ended(context.Method, status, model);
            Log.CallEnded(logger, context.Method, status.ToString(), duration.TotalMilliseconds);
            if (entered)
            {
                state.Leave();
            }
        }
    }

    /// <summary>Counts a call; returns false for calls that are not counted.</summary>
    private bool Enter(string method)
    {
        // Health and reflection answer in every phase, and draining does not wait for their open streams.
        if (method.StartsWith(HealthPrefix, StringComparison.Ordinal) || method.StartsWith(ReflectionPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        return state.TryEnter(out var phase) ? true : throw RpcErrors.NotServing(phase);
    }

    private static void RefuseUnknownFields(object request)
    {
        try
        {
            if (UnknownFields.FirstIn((IMessage)request) is { } field)
            {
                throw RpcErrors.Invalid(
                    $"{field} is unknown to this service, or of another type there, and would be ignored; leave it out, or use one version of the protocol on both sides.");
            }
        }
        catch (InvalidProtocolBufferException)
        {
            throw RpcErrors.Invalid("the request holds bytes that are not a message; use one version of the protocol on both sides.");
        }
    }

    private RpcException Translate(Exception exception, ServerCallContext context)
    {
        string reference = context.GetHttpContext().TraceIdentifier;
        var now = time.GetUtcNow().UtcDateTime + (context.CancellationToken.IsCancellationRequested ? TimerSlack : TimeSpan.Zero);
        bool pastDeadline = context.Deadline <= now;
        var failure = RpcErrors.From(exception, context.CancellationToken.IsCancellationRequested, pastDeadline, reference);
        if (RpcErrors.IsInternal(exception))
        {
            Log.CallFailed(logger, context.Method, reference, MessageText.TypesOf(exception));
        }

        return failure;
    }
}
