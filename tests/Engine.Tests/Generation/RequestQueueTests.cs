using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Generation;

public class RequestQueueTests
{
    private static BatchWork Batch(CancellationToken cancellation, params (int Length, int Samples)[] prompts) => Make("", cancellation, prompts);

    private static BatchWork Of(string client, params (int Length, int Samples)[] prompts) => Make(client, CancellationToken.None, prompts);

    private static BatchWork Make(string client, CancellationToken cancellation, (int Length, int Samples)[] prompts) => new(
        new GenerationBatch(
            [.. prompts.Select(prompt => new PromptRequest { PromptIds = new int[prompt.Length], Samples = prompt.Samples, MaxNewTokens = 1 })], Client: client),
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
        Assert.Throws<RequestFault>(() => queue.Enqueue(Batch((1, 1), (1, 1))));
        Assert.Equal(2, queue.Sequences);
    }

    [Fact]
    public void Close_WithWork_WaitsReturnTrueUntilItIsTaken()
    {
        var queue = new RequestQueue(3);
        queue.Enqueue(Batch((1, 1)));
        queue.Close();
        Assert.Throws<RequestFault>(() => queue.Enqueue(Batch((1, 1))));
        Assert.True(queue.WaitForWork(CancellationToken.None));
        queue.Take(1, 10);
        Assert.False(queue.WaitForWork(CancellationToken.None));
    }

    [Fact]
    public void Take_SeveralClients_TakeTurnsPromptByPromptOldestFirst()
    {
        var queue = new RequestQueue(100);
        var (a, b, c) = (Of("a", (1, 1), (1, 1), (1, 1)), Of("b", (1, 1)), Of("c", (1, 1), (1, 1)));
        Array.ForEach<BatchWork>([a, b, c], queue.Enqueue);
        PromptWork[] expected = [a.Prompts[0], b.Prompts[0], c.Prompts[0], a.Prompts[1], c.Prompts[1], a.Prompts[2]];
        Assert.Equal(expected, queue.Take(9, 1000).Select(admission => admission.Prompt));
        Assert.Equal(0, queue.Sequences);
    }

    [Fact]
    public void Take_ClientFloodsBeforeAnotherComes_OtherWaitsForOnePromptAtMost()
    {
        var queue = new RequestQueue(100);
        queue.Enqueue(Of("flood", [.. Enumerable.Repeat((1, 1), 50)]));
        queue.Take(1, 1000);
        var other = Of("other", (1, 1));
        queue.Enqueue(other);
        queue.Take(1, 1000);
        Assert.Same(other.Prompts[0], Assert.Single(queue.Take(1, 1000)).Prompt);
    }

    [Fact]
    public void Take_SplitPrompt_PassesTheTurnAndStaysFirstOfItsClient()
    {
        var queue = new RequestQueue(100);
        var (a, b) = (Of("a", (1, 3), (1, 1)), Of("b", (1, 1)));
        Array.ForEach<BatchWork>([a, b], queue.Enqueue);
        Assert.Equal([new Admission(a.Prompts[0], 0, 2)], queue.Take(2, 1000));
        Admission[] expected = [new(b.Prompts[0], 0, 1), new(a.Prompts[0], 2, 1), new(a.Prompts[1], 0, 1)];
        Assert.Equal(expected, queue.Take(9, 1000));
    }

    [Fact]
    public void Take_TokensShort_StopsAtTheFirstThatDoesNotFit()
    {
        var queue = new RequestQueue(100);
        var (lengthy, brief) = (Of("a", (9, 1), (1, 1)), Of("b", (1, 1)));
        Array.ForEach<BatchWork>([lengthy, brief], queue.Enqueue);      // 9 + 1 tokens, and 1 + 1 each of the others
        Assert.Empty(queue.Take(9, 1000, freeTokens: 9));
        Assert.Equal(3, queue.Sequences);
        Assert.Equal([lengthy.Prompts[0]], queue.Take(9, 1000, freeTokens: 11).Select(admission => admission.Prompt));
        Assert.Equal([brief.Prompts[0], lengthy.Prompts[1]], queue.Take(9, 1000, freeTokens: 4).Select(admission => admission.Prompt));
    }

    [Fact]
    public void Take_TokensForSomeSamples_SplitsThePrompt()
    {
        var queue = new RequestQueue(100);
        var batch = Of("a", (4, 5));                         // 5 tokens a sample
        queue.Enqueue(batch);
        Assert.Equal([new Admission(batch.Prompts[0], 0, 3)], queue.Take(9, 1000, freeTokens: 17));
        Assert.Equal([new Admission(batch.Prompts[0], 3, 2)], queue.Take(9, 1000, freeTokens: 10));
    }

    [Fact]
    public void RemoveOver_OneOfTwoClients_LeavesTheOthersTurn()
    {
        using var cancel = new CancellationTokenSource();
        var queue = new RequestQueue(100);
        queue.Enqueue(Batch(cancel.Token, (1, 2), (1, 1)));
        var kept = Of("kept", (1, 1));
        queue.Enqueue(kept);
        cancel.Cancel();
        queue.RemoveOver();
        Assert.Equal([kept.Prompts[0]], queue.Take(9, 1000).Select(admission => admission.Prompt));
        Assert.Equal(0, queue.Sequences);
    }

    [Fact]
    public void Enqueue_FullOfCancelledWork_TakesItsPlaces()
    {
        using var cancel = new CancellationTokenSource();
        var queue = new RequestQueue(2);
        queue.Enqueue(Batch(cancel.Token, (1, 2)));
        cancel.Cancel();
        queue.Enqueue(Batch((1, 2)));
        Assert.Equal(2, queue.Sequences);
    }

    [Fact]
    public void FailAll_SeveralClients_FailsEveryBatch()
    {
        var queue = new RequestQueue(100);
        var (a, b) = (Of("a", (1, 1), (1, 2)), Of("b", (1, 1)));
        Array.ForEach<BatchWork>([a, b], queue.Enqueue);

        queue.FailAll(new InvalidOperationException());

        Assert.True(a.HasFailed && b.HasFailed);
        Assert.Equal(0, queue.Sequences);
        Assert.Empty(queue.Take(9, 1000));
    }

    [Fact]
    public void Enqueue_ChangeAfterACancelledOne_WaitsForTheRequestsBefore()
    {
        using var cancel = new CancellationTokenSource();
        var queue = new RequestQueue(100);
        queue.Enqueue(new WeightChange(() => { }, cancel.Token));
        var before = Batch((1, 1));
        queue.Enqueue(before);
        cancel.Cancel();
        var next = new WeightChange(() => { }, CancellationToken.None);

        queue.Enqueue(next);

        Assert.False(next.IsOver);
        Assert.Null(queue.TakeChange(isIdle: true));
        Assert.Equal([before.Prompts[0]], queue.Take(9, 1000).Select(admission => admission.Prompt));
        Assert.Same(next, queue.TakeChange(isIdle: true));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WaitForWork_WhatWasThereIsGone_BlocksRatherThanSpins(bool cancelled)
    {
        using var cancel = new CancellationTokenSource();
        using var stop = new CancellationTokenSource();
        var queue = new RequestQueue(2);
        queue.Enqueue(Batch(cancel.Token, (1, 1)));
        if (cancelled)
        {
            cancel.Cancel();
            queue.RemoveOver();
        }
        else
        {
            queue.Take(1, 10);
        }

        bool? work = null;
        var engine = new Thread(() => work = queue.WaitForWork(stop.Token)) { IsBackground = true };
        engine.Start();
        Assert.True(SpinWait.SpinUntil(() => engine.ThreadState.HasFlag(ThreadState.WaitSleepJoin) || !engine.IsAlive, TimeSpan.FromSeconds(60)));

        Assert.True(engine.IsAlive);
        stop.Cancel();
        engine.Join();
        Assert.False(work);
    }

    [Fact]
    public void WaitForWork_Stopped_ReturnsFalse()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.False(new RequestQueue(1).WaitForWork(stop.Token));
    }
}
