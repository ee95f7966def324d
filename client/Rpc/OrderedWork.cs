using System.Runtime.CompilerServices;

namespace Rudder.Client.Rpc;

/// <summary>Runs batches with a few in flight and gives their results in order, so that what is written does not depend on timing.</summary>
internal static class OrderedWork
{
    /// <summary>Results of <paramref name="work"/> over <paramref name="batches"/>, in their order; the first failure stops the rest.</summary>
    public static async IAsyncEnumerable<TOut> RunAsync<TIn, TOut>(
        IEnumerable<TIn> batches,
        int inFlight,
        Func<TIn, CancellationToken, Task<TOut>> work,
        [EnumeratorCancellation] CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Queue<Task<TOut>> running = new();
        try
        {
            foreach (TIn batch in batches)
            {
                running.Enqueue(work(batch, stop.Token));
                if (running.Count == inFlight)
                {
                    yield return await running.Dequeue();
                }
            }

            while (running.TryDequeue(out Task<TOut>? next))
            {
                yield return await next;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(running.Select(task => task.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default)));
        }
    }
}
