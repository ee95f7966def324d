using System.Runtime.CompilerServices;
using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Generation;

public sealed class BatchWorkTests
{
    [Fact]
    public void Completion_Cancelled_EndsAtOnceWithoutTheEngine()
    {
        using var cancel = new CancellationTokenSource();
        var work = Work(cancel.Token);
        new RequestQueue(10).Enqueue(work);
        Assert.False(work.IsOver);

        cancel.Cancel();

        Assert.True(work.Completion.IsCanceled);             // nobody asked IsOver, nobody took it from the queue
        Assert.True(work.IsOver);
    }

    [Fact]
    public void Completion_CancelledBeforeItStarts_IsCancelled()
    {
        var work = Work(new CancellationToken(canceled: true));

        Assert.True(work.Completion.IsCanceled);
        Assert.True(work.IsOver);
    }

    [Fact]
    public async Task Finish_LastCompletion_StaysDoneWhenTheCallerCancelsLater()
    {
        using var cancel = new CancellationTokenSource();
        var work = Work(cancel.Token);
        var sequence = new GeneratedSequence(0, [7], [-1], GenerationEnd.Length, 0);

        work.Finish(work.Prompts[0], sequence);
        await cancel.CancelAsync();

        Assert.Same(sequence, (await work.Completion)[0][0]);
    }

    [Fact]
    public void Finish_AfterCancellation_ChangesNothing()
    {
        using var cancel = new CancellationTokenSource();
        var work = Work(cancel.Token);
        cancel.Cancel();

        work.Finish(work.Prompts[0], new GeneratedSequence(0, [7], [-1], GenerationEnd.Length, 0));
        work.Fail(new InvalidOperationException());

        Assert.True(work.Completion.IsCanceled);
    }

    [Fact]
    public void StopWatching_RefusedBatch_HeedsItsCallerNoLonger()
    {
        using var cancel = new CancellationTokenSource();
        var work = Work(cancel.Token);
        var queue = new RequestQueue(10);
        queue.Close();
        Assert.Throws<RequestFault>(() => queue.Enqueue(work));

        cancel.Cancel();

        Assert.False(work.Completion.IsCompleted);
    }

    // The model's token outlives every request, so a batch that stays registered with it stays in memory.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cancel_ModelGoesOn_LeavesNothingRegistered(bool cancelledBefore)
    {
        using var model = new CancellationTokenSource();
        var work = Cancelled(model.Token, cancelledBefore);

        GC.Collect();

        Assert.False(work.TryGetTarget(out _));
        GC.KeepAlive(model);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<BatchWork> Cancelled(CancellationToken ended, bool cancelledBefore)
    {
        using var caller = new CancellationTokenSource();
        if (cancelledBefore)
        {
            caller.Cancel();
        }

        var work = new BatchWork(
            new GenerationBatch([new PromptRequest { PromptIds = [1], MaxNewTokens = 1 }]) { Ended = ended }, caller.Token);
        caller.Cancel();
        Assert.True(work.Completion.IsCanceled);
        return new WeakReference<BatchWork>(work);
    }

    private static BatchWork Work(CancellationToken cancellation) =>
        new(new GenerationBatch([new PromptRequest { PromptIds = [1], MaxNewTokens = 1 }]), cancellation);
}
