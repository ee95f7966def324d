namespace Rudder.Tests;

/// <summary>Waits with a time limit and a clear error.</summary>
internal static class TimeLimit
{
    /// <summary>Waits for the task and returns its result.</summary>
    /// <param name="task">The task to wait for.</param>
    /// <param name="limit">Time limit.</param>
    /// <param name="what">The expected event, for the error message.</param>
    /// <exception cref="TimeoutException">The task took longer than the limit.</exception>
    public static async Task<T> WithinAsync<T>(this Task<T> task, TimeSpan limit, string what)
    {
        try
        {
            return await task.WaitAsync(limit);
        }
        catch (TimeoutException late) when (!task.IsCompleted)
        {
            throw new TimeoutException($"Expected {what} within {limit.TotalSeconds:0} s; it did not come.", late);
        }
    }
}
