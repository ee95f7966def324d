namespace Rudder.Tests;

/// <summary>Waits that end, and say what they waited for.</summary>
internal static class TimeLimit
{
    /// <summary>The task's result.</summary>
    /// <param name="task">What is waited for.</param>
    /// <param name="limit">Time it has.</param>
    /// <param name="what">What should have happened, for the message.</param>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public static async Task<T> WithinAsync<T>(this Task<T> task, TimeSpan limit, string what)
    {
        try
        {
            return await task.WaitAsync(limit);
        }
        catch (TimeoutException late) when (!task.IsCompleted)
        {
            throw new TimeoutException($"Within {limit.TotalSeconds:0} s there was not: {what}.", late);
        }
    }
}
