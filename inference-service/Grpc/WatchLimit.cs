using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Health.V1;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Grpc;

/// <summary>Limits open health watches: they need no key, so any stranger could open as many as they like.</summary>
internal sealed class WatchLimit(ServiceOptions options) : Interceptor
{
    private int _watches;

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        if (request is not HealthCheckRequest)
        {
            await continuation(request, responseStream, context);
            return;
        }

        int watches = Interlocked.Increment(ref _watches);
        try
        {
            if (watches > options.MaxHealthWatches)
            {
                throw RpcErrors.Exhausted(
                    $"{options.MaxHealthWatches} Watch streams are open, all that Service:MaxHealthWatches allows. Use Check, or try again later.");
            }

            await continuation(request, responseStream, context);
        }
        finally
        {
            Interlocked.Decrement(ref _watches);
        }
    }
}
