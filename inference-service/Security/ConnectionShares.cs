using System.Net;
using Microsoft.AspNetCore.Connections;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Security;

/// <summary>
/// Limits the connections of one listening address, in total and per caller address. A new connection beyond a limit closes the
/// connection that has been idle longest. If all are in use, the new one is closed.
/// </summary>
internal sealed class ConnectionShares(ServiceOptions options, ServiceMetrics metrics, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _perAddress = new(StringComparer.Ordinal);
    private readonly HashSet<SharedConnection> _open = [];

    /// <summary>Runs a connection if there is room for it.</summary>
    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var own = new SharedConnection(connection, Caller.AddressOf((connection.RemoteEndPoint as IPEndPoint)?.Address), time);
        connection.Features.Set(own);
        if (!TryAdd(own))
        {
            metrics.ConnectionClosed("refused");
            connection.Abort(new ConnectionAbortedException("Every connection that this caller may have is in use."));
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Remove(own);
        }
    }

    private bool TryAdd(SharedConnection own)
    {
        lock (_lock)
        {
            bool ownIsFull = _perAddress.GetValueOrDefault(own.Address) >= options.MaxConnectionsPerAddress;
            if ((ownIsFull || _open.Count >= options.MaxConnections) && !TryCloseIdle(ownIsFull ? own.Address : null))
            {
                return false;
            }

            _open.Add(own);
            _perAddress[own.Address] = _perAddress.GetValueOrDefault(own.Address) + 1;
            return true;
        }
    }

    /// <summary>Closes the longest idle connection of the address with the most connections.</summary>
    private bool TryCloseIdle(string? address)
    {
        var idle = _open
            .Where(open => open.IdleSince is not null && (address is null || open.Address == address))
            .OrderByDescending(open => _perAddress[open.Address]).ThenBy(open => open.IdleSince);
        foreach (var connection in idle)
        {
            if (connection.TryClose())                       // false if a call has started meanwhile
            {
                Forget(connection);
                metrics.ConnectionClosed("idle");
                return true;
            }
        }

        return false;
    }

    private void Remove(SharedConnection connection)
    {
        lock (_lock)
        {
            Forget(connection);
        }
    }

    private void Forget(SharedConnection connection)
    {
        if (_open.Remove(connection) && --_perAddress[connection.Address] == 0)
        {
            _perAddress.Remove(connection.Address);
        }
    }
}

/// <summary>One connection and its running calls. Each of its requests carries it as a feature.</summary>
internal sealed class SharedConnection(ConnectionContext connection, string address, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _since = time.GetTimestamp();
    private int _calls;
    private bool _closed;

    /// <summary>The caller's address.</summary>
    public string Address { get; } = address;

    /// <summary>When the last call ended; null while a call runs.</summary>
    public long? IdleSince
    {
        get
        {
            lock (_lock)
            {
                return _calls == 0 ? _since : null;
            }
        }
    }

    /// <summary>Counts the calls of each connection. A call that meets its connection's end never starts.</summary>
    public static async Task CountAsync(HttpContext http, RequestDelegate next)
    {
        var connection = http.Features.Get<SharedConnection>();
        if (connection?.TryStart() == false)
        {
            http.Abort();
            return;
        }

        try
        {
            await next(http);
        }
        finally
        {
            connection?.End();
        }
    }

    /// <summary>Closes the connection unless a call runs. No call can start any more.</summary>
    public bool TryClose()
    {
        lock (_lock)
        {
            if (_calls > 0)
            {
                return false;
            }

            _closed = true;
        }

        connection.Abort(new ConnectionAbortedException("The connection was idle, and another caller needs its place."));
        return true;
    }

    private bool TryStart()
    {
        lock (_lock)
        {
            _calls += _closed ? 0 : 1;
            return !_closed;
        }
    }

    private void End()
    {
        lock (_lock)
        {
            _calls--;
            _since = time.GetTimestamp();
        }
    }
}
