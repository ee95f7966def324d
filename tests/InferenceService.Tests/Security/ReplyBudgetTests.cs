using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ReplyBudgetTests
{
    private const int Mebibyte = 1 << 20;

    [Fact]
    public async Task Take_MoreThanTheClientsLimit_IsRefusedUntilARequestEnds()
    {
        using var budget = new ReplyBudget(new ServiceOptions { MaxUnreadMegabytes = 2 });
        var first = Request("a", out var ending);
        budget.Take(first, Mebibyte + 1);

        Assert.Throws<ClientLimitException>(() => budget.Take(Request("a", out _), Mebibyte));
        budget.Take(Request("b", out _), 2 * Mebibyte);      // another client has a limit of its own
        await ending.EndAsync();

        budget.Take(Request("a", out _), 2 * Mebibyte);
    }

    [Fact]
    public async Task Stream_UnreadEvents_CountWithWholeReplies()
    {
        using var budget = new ReplyBudget(new ServiceOptions { MaxUnreadMegabytes = 2 });
        var stream = Request("a", out var ending);
        var unread = budget.Stream(stream);
        Assert.Null(unread.Add(Mebibyte));

        Assert.Throws<ClientLimitException>(() => budget.Take(Request("a", out _), (2 * Mebibyte) - 1000));
        Assert.NotNull(unread.Add(2 * Mebibyte));
        Assert.Null(budget.Stream(Request("b", out _)).Add(Mebibyte));
        await ending.EndAsync();

        budget.Take(Request("a", out _), 2 * Mebibyte);
    }

    [Fact]
    public async Task Stream_EventAfterTheRequestEnded_LeasesNothing()
    {
        using var budget = new ReplyBudget(new ServiceOptions { MaxUnreadMegabytes = 2 });
        var unread = budget.Stream(Request("a", out var ending));
        await ending.EndAsync();

        Assert.Null(unread.Add(Mebibyte));                   // the engine's thread was still in its step

        budget.Take(Request("a", out _), 2 * Mebibyte);
    }

    [Theory]
    [InlineData(1, 64 << 20, "Service:MaxUnreadMegabytes")]
    [InlineData(2, Mebibyte, "Service:MaxReplyBytes")]
    public void Take_ReplyLargerThanASetting_IsRefusedForGood(int unread, int reply, string setting)
    {
        using var budget = new ReplyBudget(new ServiceOptions { MaxUnreadMegabytes = unread, MaxReplyBytes = reply });

        var refused = Assert.Throws<ClientLimitException>(() => budget.Take(Request("a", out _), Mebibyte + 1));

        Assert.Contains(setting, refused.Message);
        Assert.True(refused.NeverPasses);
    }

    private static DefaultHttpContext Request(string client, out EndingResponse ending)
    {
        var http = new DefaultHttpContext { User = new ClaimsPrincipal(new Caller(client)) };
        http.Features.Set<IHttpResponseFeature>(ending = new EndingResponse());
        return http;
    }

    private sealed class EndingResponse : HttpResponseFeature
    {
        private readonly List<Func<Task>> _completed = [];

        public override void OnCompleted(Func<object, Task> callback, object state) => _completed.Add(() => callback(state));

        public Task EndAsync() => Task.WhenAll(_completed.Select(callback => callback()));
    }
}
