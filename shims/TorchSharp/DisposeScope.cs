namespace TorchSharp;

/// <summary>Disposes, at its end, everything made on its thread while it was the innermost scope.</summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic] private static DisposeScope t_current;

    private readonly HashSet<IDisposable> _members = new(ReferenceEqualityComparer.Instance);
    private bool _closed;

    internal DisposeScope()
    {
        Outer = t_current;
        t_current = this;
    }

    internal static DisposeScope Current => t_current;

    internal DisposeScope Outer { get; private set; }

    public int DisposablesCount => _members.Count;

    public bool Contains(IDisposable disposable) => _members.Contains(disposable);

    public void Attach(IDisposable disposable) => Take(disposable);

    public void Attach(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
        {
            Take(disposable);
        }
    }

    public T Detach<T>(T disposable) where T : IDisposable
    {
        Move(disposable, null);
        return disposable;
    }

    public void Detach(params IDisposable[] disposables) => MoveAll(disposables, null);

    public void Detach(IEnumerable<IDisposable> disposables) => MoveAll(disposables, null);

    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        Move(disposable, Outer);
        return disposable;
    }

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    public void MoveToOuter(params IDisposable[] disposables) => MoveAll(disposables, Outer);

    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveAll(disposables, Outer);

    public T MoveToOther<T>(DisposeScope scope, T disposable) where T : IDisposable
    {
        Move(disposable, scope);
        return disposable;
    }

    public void DisposeEverything()
    {
        IDisposable[] members = [.. _members];
        _members.Clear();
        foreach (IDisposable member in members)
        {
            member.Dispose();
        }
    }

    public void MarkAsDisposed(IDisposable disposable) => _members.Remove(disposable);

    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        DisposeEverything();
        Unlink();
    }

    /// <summary>Takes this scope out of its thread's stack, also where an inner one was forgotten.</summary>
    private void Unlink()
    {
        if (t_current == this)
        {
            t_current = Outer;
            return;
        }

        for (DisposeScope scope = t_current; scope is not null; scope = scope.Outer)
        {
            if (scope.Outer == this)
            {
                scope.Outer = Outer;
                return;
            }
        }
    }

    private void Take(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            tensor.MoveTo(this);
        }
        else
        {
            _members.Add(disposable);
        }
    }

    private void MoveAll(IEnumerable<IDisposable> disposables, DisposeScope target)
    {
        foreach (IDisposable disposable in disposables)
        {
            Move(disposable, target);
        }
    }

    private void Move(IDisposable disposable, DisposeScope target)
    {
        if (disposable is torch.Tensor tensor)
        {
            tensor.MoveTo(target);
        }
        else if (_members.Remove(disposable))
        {
            target?._members.Add(disposable);
        }
    }

    internal void Add(IDisposable disposable) => _members.Add(disposable);

    internal void Remove(IDisposable disposable) => _members.Remove(disposable);
}
