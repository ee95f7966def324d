using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ConnectionSharesTests
{
    [Fact]
    public async Task TryClose_WhileACallRuns_LeavesTheConnectionOpen()
    {
        var connection = new DefaultConnectionContext();     // not disposed: its abort runs on a pool thread
        var shared = new SharedConnection(connection, "a", TimeProvider.System);

        await SharedConnection.CountAsync(Request(shared), _ =>
        {
            Assert.False(shared.TryClose());
            return Task.CompletedTask;
        });

        Assert.False(connection.ConnectionClosed.IsCancellationRequested);
        Assert.True(shared.TryClose());
    }

    [Fact]
    public async Task CountAsync_CallThatMeetsTheClose_NeverStarts()
    {
        var connection = new DefaultConnectionContext();
        var shared = new SharedConnection(connection, "a", TimeProvider.System);
        Assert.True(shared.TryClose());
        bool started = false;

        await SharedConnection.CountAsync(Request(shared), _ =>
        {
            started = true;
            return Task.CompletedTask;
        });

        Assert.False(started);
    }

    private static DefaultHttpContext Request(SharedConnection connection)
    {
        var http = new DefaultHttpContext();
        http.Features.Set(connection);
        return http;
    }
}
