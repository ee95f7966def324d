namespace Rudder.Client.Bench;

/// <summary>Runs a benchmark: checks the server, then measures each load after its warm-up.</summary>
/// <param name="target">The server.</param>
/// <param name="display">Gets progress.</param>
/// <param name="time">Clock.</param>
internal sealed class BenchJob(IBenchTarget target, Display display, TimeProvider time)
{
    /// <summary>Measures all loads. An interruption ends it early without an exception; what was measured until then is returned.</summary>
    /// <param name="plan">What to send.</param>
    /// <param name="cancel">Interrupts.</param>
    /// <returns>One result per load; the last one may be incomplete.</returns>
    /// <exception cref="BadInputException">The server refused the first request.</exception>
    /// <exception cref="WorkFailedException">The first request failed.</exception>
    public async Task<IReadOnlyList<LoadResult>> RunAsync(BenchPlan plan, CancellationToken cancel)
    {
        List<LoadResult> results = [];
        try
        {
            // 1. the server knows the model and answers one request
            int vocabulary = await target.PrepareAsync(cancel);
            Random random = new(plan.Seed);
            Workload workload = new(
                plan.Prompts, plan.PromptTokens ?? default, plan.Vocabulary ?? vocabulary, plan.MaxNewTokens, random);
            await CheckAsync(workload.Next(), plan.Samples, cancel);

            // 2. each load, with new requests: a server may have cached the prompts of the load before
            LoadGenerator generator = new(target, workload, plan.Samples, time);
            foreach (Load load in plan.Loads)
            {
                using ProgressDisplay warmUp = new(display, $"warm-up at {load}", "requests");
                int warm = 0;
                await generator.RunAsync(
                    load.Start(TimeSpan.MaxValue, random, time), plan.WarmUp, (_, _) => warmUp.Report(++warm, plan.WarmUp), cancel);
                cancel.ThrowIfCancellationRequested();
                results.Add(await MeasureAsync(generator, plan, load, random, cancel));
                cancel.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The loads measured so far are the result.
        }

        return results;
    }

    private async Task CheckAsync(BenchRequest request, int completions, CancellationToken cancel)
    {
        try
        {
            await target.SendAsync(request, new RequestTimer(time, time.GetTimestamp(), completions), cancel);
        }
        catch (FailedRequestException failure)
        {
            string message = $"The first request failed with {failure.Status}: {failure.Message}";
            throw failure.Refused
                ? new BadInputException(message, failure)
                : new WorkFailedException($"{message} Check that the server runs, --service and --api.", failure);
        }
    }

    private async Task<LoadResult> MeasureAsync(LoadGenerator generator, BenchPlan plan, Load load, Random random, CancellationToken cancel)
    {
        using ProgressDisplay progress = new(display, $"bench at {load}", plan.Count is null ? "s" : "requests");
        LoadStatistics statistics = new(time, plan);
        TimeSpan duration = plan.DurationSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
        int total = plan.Count ?? (int)Math.Ceiling(duration.TotalSeconds);
        int sent = await generator.RunAsync(
            load.Start(duration, random, time),
            plan.Count ?? int.MaxValue,
            (timer, failure) =>
            {
                statistics.Add(timer, failure);
                int done = plan.Count is null ? Math.Min((int)statistics.Elapsed.TotalSeconds, total - 1) : statistics.Ended;
                progress.Report(done, total, plan.Count is null ? $"{statistics.Ended} requests" : null);
            },
            cancel);
        bool complete = !cancel.IsCancellationRequested;
        if (complete && plan.Count is null)
        {
            progress.Report(total, total, $"{statistics.Ended} requests");
        }

        return statistics.Summarise(load, sent, complete);
    }
}
