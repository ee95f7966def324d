using System.Net;
using System.Net.Sockets;

namespace Rudder.Client.Processes;

/// <summary>Finds an unused TCP port.</summary>
internal static class FreePort
{
    /// <summary>Asks the system for one on the loopback interface.</summary>
    public static int Find()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
