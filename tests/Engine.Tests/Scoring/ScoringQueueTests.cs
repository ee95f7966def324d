using System.Collections.Concurrent;
using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

/// <summary>The queue in front of a graph that answers each window with its first id, and whose first run waits for the test.</summary>
public sealed class ScoringQueueTests : IDisposable
{
    private const int Bad = -1;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly ConcurrentQueue<int[]> _runs = new();
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _gate = new();

    public void Dispose() => _gate.Dispose();

    [Fact]
    public async Task RunAsync_CallsWaitWhileOneRuns_RunTogetherNext()
    {
        var queue = new ScoringQueue(1000, Run);
        var first = await OccupyAsync(queue);
        Task<float[][]>[] waiting = [Ask(queue, 2), Ask(queue, 3, 4), Ask(queue), Ask(queue, 5)];
        _gate.Set();

        Assert.Equal([1f], await AnswerAsync(first));
        Assert.Equal([2f], await AnswerAsync(waiting[0]));
        Assert.Equal([3f, 4f], await AnswerAsync(waiting[1]));
        Assert.Empty(await AnswerAsync(waiting[2]));
        Assert.Equal([5f], await AnswerAsync(waiting[3]));
        Assert.Equal([[1], [2, 3, 4, 5]], Runs);
    }

    [Fact]
    public async Task RunAsync_MoreTokensWaitThanOneRunTakes_RunsOldestFirst()
    {
        var queue = new ScoringQueue(2, Run);
        var first = await OccupyAsync(queue);
        Task<float[][]>[] waiting = [Ask(queue, 2), Ask(queue, 3, 4, 5), Ask(queue, 6), Ask(queue, 7)];
        _gate.Set();

        await first.WaitAsync(Limit);
        await Task.WhenAll(waiting).WaitAsync(Limit);
        Assert.Equal([[1], [2, 3], [4, 5], [6, 7]], Runs);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileWaiting_LeavesAtOnceAndIsNeverRun()
    {
        var queue = new ScoringQueue(1000, Run);
        var first = await OccupyAsync(queue);
        using var leaving = new CancellationTokenSource();
        var gone = queue.RunAsync([[2]], "", leaving.Token);
        var stays = Ask(queue, 3);

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone.WaitAsync(Limit));   // the first run is still at it
        Assert.False(first.IsCompleted);
        _gate.Set();
        Assert.Equal([3f], await AnswerAsync(stays));
        Assert.Equal([[1], [3]], Runs);
    }

    [Fact]
    public async Task RunAsync_EveryCallerOfARunLeaves_StopsItAndServesTheNext()
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var queue = new ScoringQueue(1000, (windows, cancellation) =>
        {
            if (windows[0][0] != 1)
            {
                return Answer(windows);
            }

            _entered.TrySetResult();
            Assert.True(cancellation.WaitHandle.WaitOne(Limit));
            stopped.TrySetResult();
            throw new OperationCanceledException(cancellation);
        });
        using var leaving = new CancellationTokenSource();
        var gone = queue.RunAsync([[1]], "", leaving.Token);
        await _entered.Task.WaitAsync(Limit);
        var next = Ask(queue, 2);

        await leaving.CancelAsync();
        await stopped.Task.WaitAsync(Limit);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone.WaitAsync(Limit));
        Assert.Equal([2f], await AnswerAsync(next));
    }

    [Fact]
    public async Task RunAsync_OneCallerOfAMergedRunLeaves_TheOthersGetTheirResults()
    {
        using var leaving = new CancellationTokenSource();
        var queue = new ScoringQueue(1000, (windows, cancellation) =>
        {
            var answer = Run(windows, cancellation);
            if (windows.Count > 1)
            {
                leaving.Cancel();                            // in the middle of the merged run
            }

            cancellation.ThrowIfCancellationRequested();
            return answer;
        });
        var first = await OccupyAsync(queue);
        var gone = queue.RunAsync([[2]], "", leaving.Token);
        var stays = Ask(queue, 3);
        _gate.Set();

        Assert.Equal([3f], await AnswerAsync(stays));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone.WaitAsync(Limit));
        Assert.Equal([[1], [2, 3]], Runs);
        await first.WaitAsync(Limit);
    }

    [Fact]
    public async Task RunAsync_OneCallOfAMergedRunFails_OnlyThatCallFails()
    {
        var queue = new ScoringQueue(1000, Run);
        var first = await OccupyAsync(queue);
        var (before, bad, after) = (Ask(queue, 2), Ask(queue, 3, Bad), Ask(queue, 4));
        _gate.Set();

        Assert.Equal([2f], await AnswerAsync(before));
        Assert.Equal([4f], await AnswerAsync(after));
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad.WaitAsync(Limit));
        await first.WaitAsync(Limit);
        Assert.Equal([5f], await AnswerAsync(Ask(queue, 5)));
    }

    [Fact]
    public async Task RunAsync_OneClientFloods_TheOthersWindowIsInTheNextRun()
    {
        var queue = new ScoringQueue(4, Run);
        var first = await OccupyAsync(queue);
        int[] many = [.. Enumerable.Range(10, 20)];
        var flood = AskAs("flood", queue, many);
        var younger = AskAs("flood", queue, 30);
        var other = AskAs("other", queue, 5);
        _gate.Set();

        Assert.Equal([5f], await AnswerAsync(other));
        Assert.Equal(many.Select(id => (float)id), await AnswerAsync(flood));
        Assert.Equal([30f], await AnswerAsync(younger));
        await first.WaitAsync(Limit);
        Assert.Equal([10, 11, 12, 5], Runs.ElementAt(1));     // call by call; three turns of the flood and one of the other
        Assert.Equal([29, 30], Runs.Last());                 // a client's own oldest first
    }

    [Fact]
    public async Task RunAsync_WindowsOfSeveralLengths_RunsTheLongestFirstAndAnswersInOrder()
    {
        var queue = new ScoringQueue(3, Run);
        var first = await OccupyAsync(queue);
        var call = queue.RunAsync([[2], [3, 0, 0], [4, 0], [5, 0, 0, 0]], "", CancellationToken.None);
        _gate.Set();

        Assert.Equal([2f, 3f, 4f, 5f], await AnswerAsync(call));
        await first.WaitAsync(Limit);
        Assert.Equal([[1], [5], [3], [4, 2]], Runs);         // the one longer than a run goes by itself
    }

    [Fact]
    public async Task RunAsync_FirstPartOfACallFails_ItsOtherPartsAreNeverRun()
    {
        var queue = new ScoringQueue(2, Run);
        var first = await OccupyAsync(queue);
        var bad = Ask(queue, Bad, 3, 4, 5);
        var next = Ask(queue, 6);
        _gate.Set();

        await Assert.ThrowsAsync<InvalidOperationException>(() => bad.WaitAsync(Limit));
        Assert.Equal([6f], await AnswerAsync(next));
        await first.WaitAsync(Limit);
        Assert.Equal([[1], [Bad, 3], [6]], Runs);
    }

    private IEnumerable<int[]> Runs => _runs;

    private static async Task<IEnumerable<float>> AnswerAsync(Task<float[][]> call) => (await call.WaitAsync(Limit)).Select(row => row[0]);

    private async Task<Task<float[][]>> OccupyAsync(ScoringQueue queue)
    {
        var first = Ask(queue, 1);
        await _entered.Task.WaitAsync(Limit);
        return first;
    }

    private static Task<float[][]> Ask(ScoringQueue queue, params int[] ids) => AskAs("", queue, ids);

    private static Task<float[][]> AskAs(string client, ScoringQueue queue, params int[] ids) =>
        queue.RunAsync([.. ids.Select(id => (int[])[id])], client, CancellationToken.None);

    private float[][] Run(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        _runs.Enqueue([.. windows.Select(window => window[0])]);
        _entered.TrySetResult();
        Assert.True(_gate.Wait(Limit, cancellation));
        return windows.Any(window => window[0] == Bad) ? throw new InvalidOperationException("bad window") : Answer(windows);
    }

    private static float[][] Answer(IReadOnlyList<int[]> windows) => [.. windows.Select(window => (float[])[window[0]])];
}
