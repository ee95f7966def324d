using Grpc.Core;
using Polly;
using Polly.Retry;

namespace Rudder.Client.Rpc;

/// <summary>Retries a call only when the service was full or away. Any other failure would repeat.</summary>
internal static class RetryPolicy
{
    /// <summary>UNAVAILABLE (starting, draining, not running) and RESOURCE_EXHAUSTED (queue full).</summary>
    public static bool IsTransient(Exception? failure) =>
        failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted };

    /// <summary>Exponential waits with jitter, bounded in number and length.</summary>
    public static ResiliencePipeline Build(CallSettings settings, TimeProvider time, Action<string> log)
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
                Status status = ((RpcException)arguments.Outcome.Exception!).Status;
                string reason = $"{ServiceException.Name(status.StatusCode)}, {status.Detail}";
                log($"retry {arguments.AttemptNumber + 1} of {settings.Retries} in {arguments.RetryDelay.TotalSeconds:0.0} s: {reason}");
                return default;
            },
        };
        return new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(options)
            .Build();
    }
}
