namespace Rudder.Engine.Registry;

/// <summary>A call's hold on a model; while it lasts the model's engines are not freed.</summary>
internal sealed class ModelLease(LoadedModel model) : IDisposable
{
    private int _disposed;

    /// <summary>The model.</summary>
    public LoadedModel Model => model;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            model.Leave();
        }
    }
}
