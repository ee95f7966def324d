using Grpc.Core;
using Polly;
using Polly.Retry;

namespace Rudder.Client.Rpc;

/// <summary>When a call is tried again: the service was full or away. Anything else would fail the same way twice.</summary>
internal static class RetryPolicy
{
    /// <summary>UNAVAILABLE (starting, draining, not there yet) and RESOURCE_EXHAUSTED (queue full).</summary>
    public static bool IsTransient(Exception? failure) =>
        failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted };

    /// <summary>Exponential waits with jitter, bounded in number and length.</summary>
    /// <param name="settings">Bounds.</param>
    /// <param name="time">Clock of the waits.</param>
    /// <param name="onRetry">Told of each retry: attempt from 1, wait, cause.</param>
    public static ResiliencePipeline Build(CallSettings settings, TimeProvider time, Action<int, TimeSpan, Exception>? onRetry = null)
    {
        if (settings.Retries == 0)
        {
            return ResiliencePipeline.Empty;
        }

        RetryStrategyOptions options = new()
        {
            ShouldHandle = arguments => ValueTask.FromResult(IsTransient(arguments.Outcome.Exception)),
            MaxRetryAttempts = settings.Retries,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = settings.RetryDelay,
            MaxDelay = settings.MaxRetryDelay,
            OnRetry = arguments =>
            {
                onRetry?.Invoke(arguments.AttemptNumber + 1, arguments.RetryDelay, arguments.Outcome.Exception!);
                return default;
            },
        };
        return new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(options)
            .Build();
    }
}
