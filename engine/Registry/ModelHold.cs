namespace Rudder.Engine.Registry;

/// <summary>Keeps a registered call of a model, and the model loaded, until this is disposed and its work has ended. Thread-safe.</summary>
/// <param name="model">The model. The caller has entered it.</param>
internal sealed class ModelHold(LoadedModel model) : IDisposable
{
    private readonly Lock _lock = new();
    private int _running;
    private bool _disposed;

    /// <summary>Does work on the model.</summary>
    /// <typeparam name="T">Its result.</typeparam>
    /// <param name="work">The work. It ends when the model's calls have used up their time.</param>
    /// <param name="cancellation">The caller's token, which ends the work too.</param>
    /// <exception cref="ObjectDisposedException">This is disposed; the work does not start.</exception>
    /// <exception cref="RequestFault">The model ended the work.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> work, CancellationToken cancellation)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _running++;
        }

        try
        {
            return await work();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EngineFaults.Stopped();
        }
        finally
        {
            bool last;
            lock (_lock)
            {
                last = --_running == 0 && _disposed;
            }

            if (last)
            {
                model.Leave();
            }
        }
    }

    /// <summary>Leaves the model, once the work that runs has ended.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            bool wasDisposed = _disposed;
            _disposed = true;
            if (wasDisposed || _running > 0)
            {
                return;
            }
        }

        model.Leave();
    }
}
