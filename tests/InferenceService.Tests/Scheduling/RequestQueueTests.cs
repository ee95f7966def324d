using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Scheduling;

namespace Rudder.InferenceService.Tests.Scheduling;

public class RequestQueueTests
{
    private static BatchWork Batch(CancellationToken cancellation, params (int Length, int Samples)[] prompts) => new(
        new GenerationBatch([.. prompts.Select(prompt => new PromptRequest { PromptIds = new int[prompt.Length], Samples = prompt.Samples, MaxNewTokens = 1 })]),
        cancellation);

    private static BatchWork Batch(params (int Length, int Samples)[] prompts) => Batch(CancellationToken.None, prompts);

    [Fact]
    public void Take_FewerSlotsThanSamples_SplitsThePromptAndKeepsItFirst()
    {
        var queue = new RequestQueue(100);
        var first = Batch((3, 5));
        queue.Enqueue(first);
        queue.Enqueue(Batch((3, 1)));
        Assert.Equal([new Admission(first.Prompts[0], 0, 2)], queue.Take(2, 1000));
        Assert.Equal(4, queue.Sequences);
        var next = queue.Take(4, 1000);
        Assert.Equal(new Admission(first.Prompts[0], 2, 3), next[0]);
        Assert.Equal(1, next[1].Count);
        Assert.Equal(0, queue.Sequences);
    }

    [Fact]
    public void Take_PromptTokensBounded_CountsPadding()
    {
        var queue = new RequestQueue(100);
        queue.Enqueue(Batch((2, 1), (2, 1), (10, 1), (1, 1)));
        Assert.Equal(2, queue.Take(9, maxPromptTokens: 20).Count);      // a third row of 10 would make 30
        Assert.Equal(2, queue.Take(9, maxPromptTokens: 20).Count);
    }

    [Fact]
    public void Take_FirstPromptLongerThanTheBound_IsTakenAlone()
    {
        var queue = new RequestQueue(100);
        queue.Enqueue(Batch((50, 1), (1, 1)));
        Assert.Single(queue.Take(9, maxPromptTokens: 20));
    }

    [Fact]
    public void RemoveOver_CancelledBatch_GivesItsPlacesBack()
    {
        using var cancel = new CancellationTokenSource();
        var queue = new RequestQueue(4);
        queue.Enqueue(Batch(cancel.Token, (1, 2), (1, 1)));
        queue.Enqueue(Batch((1, 1)));
        cancel.Cancel();
        queue.RemoveOver();
        Assert.Equal(1, queue.Sequences);
        queue.Enqueue(Batch((1, 3)));
    }

    [Fact]
    public void Enqueue_BeyondCapacity_TakesNothingOfIt()
    {
        var queue = new RequestQueue(3);
        queue.Enqueue(Batch((1, 2)));
        Assert.Throws<QueueFullException>(() => queue.Enqueue(Batch((1, 1), (1, 1))));
        Assert.Equal(2, queue.Sequences);
    }

    [Fact]
    public void Close_WithWork_WaitsReturnTrueUntilItIsTaken()
    {
        var queue = new RequestQueue(3);
        queue.Enqueue(Batch((1, 1)));
        queue.Close();
        Assert.Throws<EngineDrainingException>(() => queue.Enqueue(Batch((1, 1))));
        Assert.True(queue.WaitForWork(CancellationToken.None));
        queue.Take(1, 10);
        Assert.False(queue.WaitForWork(CancellationToken.None));
    }

    [Fact]
    public void WaitForWork_Stopped_ReturnsFalse()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.False(new RequestQueue(1).WaitForWork(stop.Token));
    }
}
