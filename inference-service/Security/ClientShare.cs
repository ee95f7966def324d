namespace Rudder.InferenceService.Security;

/// <summary>A call that was counted in. Its tokens are lent until the call is admitted; disposed before that, it gives them back.</summary>
/// <param name="keep">Turns what is lent into what is spent.</param>
/// <param name="leave">Counts the call out; told whether its tokens were spent, rather than still lent.</param>
internal sealed class ClientShare(Action? keep, Action<bool>? leave) : IDisposable
{
    private const int Lent = 0;
    private const int Spent = 1;
    private const int Left = 2;
    private int _state;                                      // Lent

    /// <summary>Of calls without limits: there is nothing to count.</summary>
    public static ClientShare Free { get; } = new(null, null);

    /// <summary>The call is admitted: whatever becomes of it, its tokens are spent. A second time does nothing.</summary>
    public void Keep()
    {
        if (Interlocked.CompareExchange(ref _state, Spent, Lent) == Lent)
        {
            keep?.Invoke();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        int state = Interlocked.Exchange(ref _state, Left);
        if (state != Left)
        {
            leave?.Invoke(state == Spent);
        }
    }
}
