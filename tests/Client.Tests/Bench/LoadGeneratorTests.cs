using Rudder.Client.Bench;
using Rudder.Engine.Tests.Support;

namespace Rudder.Client.Tests.Bench;

public sealed class LoadGeneratorTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly ManualTime _time = new();
    private readonly List<RequestTimer> _timers = [];
    private readonly List<string> _failures = [];

    [Fact]
    public async Task RunAsync_ClosedLoop_KeepsItsNumberInFlight()
    {
        const int Wanted = 4;
        Lock gates = new();
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        (int inFlight, int most, int waiting) = (0, 0, 0);

        // Answers come in groups of four: with fewer in flight nothing would ever end.
        async Task AnswerAsync(int before, RequestTimer timer, CancellationToken cancel)
        {
            Task mine;
            lock (gates)
            {
                most = Math.Max(most, ++inFlight);
                mine = gate.Task;
                if (++waiting == Wanted)
                {
                    waiting = 0;
                    gate.SetResult();
                    gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }

            await mine;
            lock (gates)
            {
                inFlight--;
            }
        }

        Assert.Equal(24, await RunAsync(AnswerAsync, new ClosedLoop(Wanted, TimeSpan.MaxValue, _time), 24).WaitAsync(Limit));
        Assert.Equal(Wanted, most);
        Assert.Equal(24, _timers.Count);
    }

    [Fact]
    public async Task RunAsync_OpenLoopThatStalls_CountsFromTheIntendedArrivals()
    {
        Task<int> run = RunAsync(
            (_, timer, _) =>
            {
                timer.Arrived(0);
                return Task.CompletedTask;
            },
            new OpenLoop(1, TimeSpan.MaxValue, new Random(7), _time),
            3);
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(TimeSpan.FromSeconds(60));             // the client sleeps past all three arrivals
        Assert.Equal(3, await run.WaitAsync(Limit));

        Random random = new(7);
        double arrival = 0;
        foreach (RequestTimer timer in _timers)
        {
            arrival -= Math.Log(1 - random.NextDouble());
            Assert.Equal(60 - arrival, timer.FirstToken!.Value.TotalSeconds, 1e-6);
            Assert.Equal(60 - arrival, timer.SendDelay.TotalSeconds, 1e-6);
        }
    }

    [Fact]
    public async Task RunAsync_OpenLoop_SendsWithoutWaitingForAnswers()
    {
        TaskCompletionSource third = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> run = RunAsync(
            (before, _, _) =>
            {
                if (before == 2)
                {
                    third.SetResult();
                }

                return third.Task;
            },
            new OpenLoop(1, TimeSpan.MaxValue, new Random(7), _time),
            3);
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(3, await run.WaitAsync(Limit));
    }

    [Fact]
    public async Task RunAsync_Duration_StartsNothingAfterItAndFinishesTheRest()
    {
        int sent = await RunAsync(
            (_, _, _) =>
            {
                _time.Advance(TimeSpan.FromSeconds(0.4));
                return Task.CompletedTask;
            },
            new ClosedLoop(1, TimeSpan.FromSeconds(1), _time),
            int.MaxValue).WaitAsync(Limit);
        Assert.Equal(3, sent);                               // at 0, 0.4 and 0.8 s
        Assert.Equal(3, _timers.Count);
    }

    [Fact]
    public async Task RunAsync_Failures_AreReportedAndFreeTheirPlace()
    {
        int sent = await RunAsync(
            (before, _, _) => before % 2 == 0 ? throw new FailedRequestException("429", "full", false) : Task.CompletedTask,
            new ClosedLoop(1, TimeSpan.MaxValue, _time),
            4).WaitAsync(Limit);
        Assert.Equal(4, sent);
        Assert.Equal(["429", "", "429", ""], _failures);
    }

    [Fact]
    public async Task RunAsync_Cancelled_EndsWithoutReportingWhatWasInFlight()
    {
        using CancellationTokenSource stop = new();
        int sent = await RunAsync(
            async (before, _, cancel) =>
            {
                if (before == 2)
                {
                    await stop.CancelAsync();
                    await Task.Delay(Timeout.Infinite, cancel);
                }
            },
            new ClosedLoop(1, TimeSpan.MaxValue, _time),
            100,
            stop.Token).WaitAsync(Limit);
        Assert.Equal(3, sent);
        Assert.Equal(2, _timers.Count);
    }

    private Task<int> RunAsync(
        Func<int, RequestTimer, CancellationToken, Task> answer, ISchedule schedule, int count, CancellationToken cancel = default) =>
        new LoadGenerator(new ScriptedTarget(answer), BenchExample.Workload(), 1, _time).RunAsync(
            schedule,
            count,
            (timer, failure) =>
            {
                _timers.Add(timer);
                _failures.Add(failure?.Status ?? "");
            },
            cancel);
}
