namespace Rudder.Client.Bench;

/// <summary>Sends the requests of a schedule and times them.</summary>
/// <param name="target">The server.</param>
/// <param name="workload">Makes the requests.</param>
/// <param name="completions">Completions of each prompt.</param>
/// <param name="time">Clock.</param>
internal sealed class LoadGenerator(IBenchTarget target, Workload workload, int completions, TimeProvider time)
{
    private const int Sweep = 1024;
    private readonly Lock _ending = new();

    /// <summary>Sends requests until the count or the schedule ends, and waits for those in flight.</summary>
    /// <param name="schedule">When they start.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="ended">Gets each request that ended, one at a time; the failure is null where it succeeded.</param>
    /// <param name="cancel">Stops sending and ends the requests in flight, which are not reported.</param>
    /// <returns>Requests sent.</returns>
    public async Task<int> RunAsync(
        ISchedule schedule, int count, Action<RequestTimer, FailedRequestException?> ended, CancellationToken cancel)
    {
        List<Task> running = [];
        int sent = 0;
        while (sent < count && !cancel.IsCancellationRequested && await StartAsync(schedule, cancel) is { } intended)
        {
            if (++sent % Sweep == 0)
            {
                running.RemoveAll(task => task.IsCompletedSuccessfully);
            }

            running.Add(SendAsync(schedule, workload.Next(), new RequestTimer(time, intended, completions), ended, cancel));
        }

        await Task.WhenAll(running);
        return sent;
    }

    private static async Task<long?> StartAsync(ISchedule schedule, CancellationToken cancel)
    {
        try
        {
            return await schedule.NextAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task SendAsync(
        ISchedule schedule,
        BenchRequest request,
        RequestTimer timer,
        Action<RequestTimer, FailedRequestException?> ended,
        CancellationToken cancel)
    {
        FailedRequestException? failure = null;
        try
        {
            await target.SendAsync(request, timer, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return;
        }
        catch (FailedRequestException cause)
        {
            failure = cause;
        }
        finally
        {
            schedule.Ended();
        }

        timer.End();
        lock (_ending)
        {
            ended(timer, failure);
        }
    }
}
