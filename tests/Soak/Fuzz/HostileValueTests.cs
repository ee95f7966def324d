namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Well-formed requests with hostile values: each gets an answer or a documented refusal.</summary>
public sealed class HostileValueTests
{
    private const int Seed = 302;
    private const int Short = 5_000;
    private const int Whole = 25_000;

    [Fact]
    public Task Call_HostileValues_AreAnsweredOrRefused() => RunAsync(Short);

    [Fact(Explicit = true)]
    [Trait("Soak", "fuzz")]
    public Task Call_ManyHostileValues_AreAnsweredOrRefused() => RunAsync(Whole);

    private static async Task RunAsync(int cases)
    {
        await using var service = await FuzzedService.StartAsync();
        await FuzzRun.RunAsync(Seed, cases, async random =>
        {
            var values = new HostileValues(random);
            var method = values.Pick(HostileRequests.Methods);
            var status = await method.CallAsync(service.Channel, HostileRequests.Of(method, values));
            Verdict.AssertDocumented(method.Name, status);
        });
        await service.AssertUnharmedAsync();
    }
}
