using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ClientBudgetsTests : IDisposable
{
    private readonly ManualTime _time = new();
    private ClientBudgets? _made;

    public void Dispose() => _made?.Dispose();

    private static Caller Caller(string name, int calls = 0, int tokens = 0) => 
        new(name, new ApiKey { Name = name, Sha256 = "", MaxConcurrentCalls = calls, MaxTokensPerMinute = tokens });

    private static void Spend(ClientBudgets budgets, Caller caller, long tokens)
    {
        using var share = budgets.Enter(caller, tokens);
        share.Keep();
    }

    private ClientBudgets Budgets(int calls = 0, int tokens = 0) =>
        _made = new(new ServiceOptions { MaxCallsPerClient = calls, MaxTokensPerMinutePerClient = tokens }, _time);

    [Fact]
    public void Enter_CallsAtTheLimit_IsRefusedUntilOneEnds()
    {
        var budgets = Budgets();
        var caller = Caller("a", calls: 2);
        var first = budgets.Enter(caller, 1);
        budgets.Enter(caller, 1);

        var refused = Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
        first.Dispose();
        budgets.Enter(caller, 1);

        Assert.Contains("2 calls at once", refused.Message);
        Assert.Null(refused.RetryAfter);
    }

    [Fact]
    public void Dispose_Twice_CountsTheCallOutOnce()
    {
        var budgets = Budgets();
        var caller = Caller("a", calls: 2);
        var first = budgets.Enter(caller, 1);
        budgets.Enter(caller, 1);
        first.Dispose();
        first.Dispose();
        budgets.Enter(caller, 1);

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
    }

    [Fact]
    public void Enter_TokensUsedUp_SaysWhenTheCallWouldPassAndThenPassesIt()
    {
        var budgets = Budgets();
        var caller = Caller("a", tokens: 600);               // 10 a second
        Spend(budgets, caller, 500);

        var refused = Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 200));
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 200));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        budgets.Enter(caller, 200);

        Assert.Equal(TimeSpan.FromSeconds(10), refused.RetryAfter);
        Assert.False(refused.NeverPasses);
    }

    [Fact]
    public void Enter_Refused_CostsNothing()
    {
        var budgets = Budgets();
        var caller = Caller("a", calls: 1, tokens: 600);
        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 601));
        using (var running = budgets.Enter(caller, 500))
        {
            running.Keep();
            Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 100)); // for its calls
        }

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 101));
        budgets.Enter(caller, 100);
    }

    [Fact]
    public void Dispose_NeverAdmitted_GivesTheTokensBackAndOnlyThen()
    {
        var budgets = Budgets();
        var caller = Caller("a", tokens: 600);
        Spend(budgets, caller, 100);
        using (budgets.Enter(caller, 500))
        {
            Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1)); // lent is not there for others
        }

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 501));
        Spend(budgets, caller, 500);
        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
    }

    [Fact]
    public void Dispose_NeverAdmittedAfterAWhile_LeavesWhatOtherCallsSpentAsItIs()
    {
        var budgets = Budgets();
        var caller = Caller("a", tokens: 600);               // 10 a second
        using (budgets.Enter(caller, 300))
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            Spend(budgets, caller, 300);
        }

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 301));
        Spend(budgets, caller, 300);
    }

    [Fact]
    public void Keep_LongAfterItEntered_RefillsFromThenOn()
    {
        var budgets = Budgets();
        var caller = Caller("a", tokens: 600);
        using var share = budgets.Enter(caller, 600);
        _time.Advance(TimeSpan.FromSeconds(30));
        share.Keep();
        share.Keep();

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
        _time.Advance(TimeSpan.FromSeconds(30));
        Spend(budgets, caller, 300);
        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
    }

    [Fact]
    public void Enter_LongPause_FillsTheBucketToOneMinuteAndNoFurther()
    {
        var budgets = Budgets();
        var caller = Caller("a", calls: 9, tokens: 600);
        using var running = budgets.Enter(caller, 600);      // keeps the account
        running.Keep();
        _time.Advance(TimeSpan.FromHours(1));
        budgets.Enter(caller, 600);

        Assert.Throws<ClientLimitException>(() => budgets.Enter(caller, 1));
    }

    [Fact]
    public void Enter_MoreThanAMinutesTokens_NeverPasses()
    {
        var refused = Assert.Throws<ClientLimitException>(() => Budgets(tokens: 600).Enter(Caller("a"), 601));

        Assert.True(refused.NeverPasses);
        Assert.Null(refused.RetryAfter);
        Assert.Contains("Service:MaxTokensPerMinutePerClient", refused.Message);
    }

    [Fact]
    public void Enter_ServiceLimits_HoldWhereTheKeyHasNone()
    {
        var budgets = Budgets(calls: 1);
        budgets.Enter(Caller("keyed", calls: 2), 1);
        budgets.Enter(Caller("keyed", calls: 2), 1);
        budgets.Enter(Caller("plain"), 1);

        var refused = Assert.Throws<ClientLimitException>(() => budgets.Enter(Caller("plain"), 1));

        Assert.Contains("Service:MaxCallsPerClient", refused.Message);
    }

    [Fact]
    public void Enter_NoLimits_RemembersNobody()
    {
        var budgets = Budgets();
        budgets.Enter(Caller("a"), long.MaxValue).Dispose();

        Assert.Equal(0, budgets.Remembered);
    }

    [Fact]
    public void Enter_KeysLimitChanged_HoldsAtOnceAndKeepsWhatWasSpent()
    {
        var budgets = Budgets();
        budgets.Enter(Caller("a", calls: 1, tokens: 600), 500).Keep();

        using var more = budgets.Enter(Caller("a", calls: 2, tokens: 700), 200);

        Assert.Throws<ClientLimitException>(() => budgets.Enter(Caller("a", calls: 2, tokens: 700), 1)); // 0 left of 700
    }

    [Fact]
    public void Enter_AMinuteLater_ForgetsIdleCallersAndKeepsRunningOnes()
    {
        var budgets = Budgets(calls: 1, tokens: 100);
        for (int i = 0; i < 1000; i++)
        {
            Spend(budgets, Caller($"idle {i}"), 100);
        }

        budgets.Enter(Caller("busy"), 1);
        Assert.Equal(1001, budgets.Remembered);
        _time.Advance(TimeSpan.FromMinutes(1));
        budgets.Enter(Caller("new"), 1);

        Assert.Equal(2, budgets.Remembered);
        Assert.Throws<ClientLimitException>(() => budgets.Enter(Caller("busy"), 1));
    }

    [Fact]
    public void Enter_FromManyThreads_NeverRunsMoreThanTheLimit()
    {
        var budgets = Budgets(calls: 3);
        int running = 0, most = 0, passed = 0;
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 2000; i++)
            {
                try
                {
                    using var share = budgets.Enter(Caller("a"), 1);
                    int now = Interlocked.Increment(ref running);
                    InterlockedMax(ref most, now);
                    Interlocked.Increment(ref passed);
                    Interlocked.Decrement(ref running);
                }
                catch (ClientLimitException)
                {
                    // Another thread's call runs; the next round tries again.
                }
            }
        });

        Assert.InRange(most, 1, 3);
        Assert.True(passed > 0);
        Enumerable.Range(0, 3).ToList().ForEach(_ => budgets.Enter(Caller("a"), 1)); // every place was given back
    }

    private static void InterlockedMax(ref int place, int value)
    {
        for (int seen = Volatile.Read(ref place); value > seen;)
        {
            int before = Interlocked.CompareExchange(ref place, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }
}
