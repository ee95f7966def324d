using Rudder.Client.Rpc;

namespace Rudder.Client.Tests.Rpc;

/// <summary>Results come in the order of the batches, whatever finishes first.</summary>
public sealed class OrderedWorkTests
{
    [Fact]
    public async Task Run_LaterBatchesFinishFirst_ResultsKeepTheOrder()
    {
        TaskCompletionSource[] gates = [.. Enumerable.Range(0, 4).Select(_ => new TaskCompletionSource())];
        List<int> seen = [];
        var all = Task.Run(async () =>
        {
            await foreach (
                int value in OrderedWork.RunAsync(
                    Enumerable.Range(0, 4),
                    4,
                    async (i, _) =>
                    {
                        await gates[i].Task;
                        return i;
                    },
                    CancellationToken.None
                )
            )
            {
                seen.Add(value);
            }
        });
        foreach (TaskCompletionSource gate in gates.Reverse())
        {
            gate.SetResult();
        }

        await all;
        Assert.Equal([0, 1, 2, 3], seen);
    }

    [Fact]
    public async Task Run_OneFails_TheOthersAreCancelledAndTheFailureIsSeen()
    {
        int cancelled = 0;
        async Task<int> Work(int i, CancellationToken cancel)
        {
            if (i == 0)
            {
                await Task.Yield();
                throw new InvalidDataException("first");
            }

            try
            {
                await Task.Delay(Timeout.Infinite, cancel);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref cancelled);
                throw;
            }

            return i;
        }

        await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (int _ in OrderedWork.RunAsync(Enumerable.Range(0, 3), 3, Work, CancellationToken.None)) { }
        });
        Assert.Equal(2, cancelled);
    }
}
