using Polly;
using Polly.Retry;

namespace Rudder.Trainer.Rl;

/// <summary>Retries a call of something outside this process with growing waits: 0.2 s, 0.4 s and so on, up to 5 s, with jitter.</summary>
internal static class Retries
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>The policy.</summary>
    /// <param name="retries">Attempts after the first.</param>
    /// <param name="time">Clock of the waits.</param>
    /// <param name="isTransient">Whether a failure may pass.</param>
    /// <param name="stop">Ends the retries. An attempt under way is not cancelled: a run that is stopped finishes its step.</param>
    public static ResiliencePipeline Build(int retries, TimeProvider time, Func<Exception?, bool> isTransient, CancellationToken stop) =>
        retries == 0
            ? ResiliencePipeline.Empty
            : new ResiliencePipelineBuilder { TimeProvider = time }
                .AddRetry(new RetryStrategyOptions
                {
                    ShouldHandle = arguments => ValueTask.FromResult(!stop.IsCancellationRequested && isTransient(arguments.Outcome.Exception)),
                    MaxRetryAttempts = retries,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    Delay = First,
                    MaxDelay = Longest,
                })
                .Build();
}
