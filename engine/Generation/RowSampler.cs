using Rudder.Engine.Sampling;

namespace Rudder.Engine.Generation;

/// <summary>Distributes rows over its own threads and the caller's. A row's result does not depend on the thread.</summary>
/// <remarks>
/// The threads sleep between runs, because the decoding step between two runs uses all cores. A run allocates nothing.
/// Only one thread may start runs at a time.
/// </remarks>
internal sealed class RowSampler : IDisposable
{
    private const int FewestRows = 4;                        // fewer rows finish before a thread wakes up
    private readonly TokenSampler _own = new();
    private readonly SemaphoreSlim _start = new(0);
    private readonly CountdownEvent _done = new(1);
    private readonly int _helpers;
    private Action<int, TokenSampler>? _work;
    private int _rows;
    private int _next;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Rows that run concurrently; 0 means one per processor.</param>
    public RowSampler(int threads)
    {
        _helpers = (threads > 0 ? threads : Environment.ProcessorCount) - 1;
        for (int i = 0; i < _helpers; i++)
        {
            new Thread(Help) { IsBackground = true, Name = "sampler" }.Start();
        }
    }

    /// <summary>Processes rows 0 to <paramref name="rows"/> - 1 and returns when all are done.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="work">Processes one row with the sampler of its thread; must not throw. Rows run concurrently.</param>
    public void Run(int rows, Action<int, TokenSampler> work)
    {
        if (_helpers == 0 || rows < FewestRows)
        {
            for (int row = 0; row < rows; row++)
            {
                work(row, _own);
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

    private void TakeRows(Action<int, TokenSampler> work, int rows, TokenSampler sampler)
    {
        for (int row = Interlocked.Increment(ref _next) - 1; row < rows; row = Interlocked.Increment(ref _next) - 1)
        {
            work(row, sampler);
        }
    }
}
