using Rudder.Engine.Sampling;

namespace Rudder.Engine.Generation;

/// <summary>Something to be done for each of a number of rows, each row by itself.</summary>
internal interface IRowWork
{
    /// <summary>Does it for one row; must not throw. Rows run at the same time.</summary>
    /// <param name="row">The row.</param>
    /// <param name="sampler">The running thread's own sampler.</param>
    void Do(int row, TokenSampler sampler);
}

/// <summary>Spreads rows over a few threads of its own, the caller's among them. Which thread takes a row has no influence on its result.</summary>
/// <remarks>
/// The threads sleep between runs: a decoding step lies between two of them, and takes all cores. Nothing is allocated in a run.
/// A run belongs to one thread at a time.
/// </remarks>
internal sealed class RowSampler : IDisposable
{
    private const int FewestRows = 4;                        // fewer are done before a thread has woken up
    private readonly TokenSampler _own = new();
    private readonly SemaphoreSlim _start = new(0);
    private readonly CountdownEvent _done = new(1);
    private readonly int _helpers;
    private IRowWork? _work;
    private int _rows;
    private int _next;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many rows run at a time; 0: one per processor.</param>
    public RowSampler(int threads)
    {
        _helpers = (threads > 0 ? threads : Environment.ProcessorCount) - 1;
        for (int i = 0; i < _helpers; i++)
        {
            new Thread(Help) { IsBackground = true, Name = "sampler" }.Start();
        }
    }

    /// <summary>Does the work for rows 0 to <paramref name="rows"/> - 1 and returns when all are done.</summary>
    public void Run(int rows, IRowWork work)
    {
        if (_helpers == 0 || rows < FewestRows)
        {
            for (int row = 0; row < rows; row++)
            {
                work.Do(row, _own);
            }

            return;
        }

        (_work, _rows) = (work, rows);
        Volatile.Write(ref _next, 0);
        _done.Reset(_helpers);
        _start.Release(_helpers);
        TakeRows(work, rows, _own);
        _done.Wait();
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        _work = null;
        _done.Reset(Math.Max(1, _helpers));
        if (_helpers > 0)
        {
            _start.Release(_helpers);
            _done.Wait();
        }

        _start.Dispose();
        _done.Dispose();
    }

    private void Help()
    {
        var sampler = new TokenSampler();
        while (true)
        {
            _start.Wait();
            var work = _work;
            if (work is not null)
            {
                TakeRows(work, _rows, sampler);
            }

            _done.Signal();
            if (work is null)
            {
                return;
            }
        }
    }

    private void TakeRows(IRowWork work, int rows, TokenSampler sampler)
    {
        for (int row = Interlocked.Increment(ref _next) - 1; row < rows; row = Interlocked.Increment(ref _next) - 1)
        {
            work.Do(row, sampler);
        }
    }
}
