using Grpc.Core;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Sends corrupted protobuf messages to every method. None may crash or hang it, or give an undocumented status.</summary>
public sealed class ProtobufFuzzTests
{
    private const int Seed = 301;
    private const int Short = 9_000;
    private const int Whole = 45_000;

    [Fact]
    public Task Call_SpoiledMessages_HaveDocumentedStatuses() => RunAsync(Short);

    [Fact(Explicit = true)]
    [Trait("Soak", "fuzz")]
    public Task Call_ManySpoiledMessages_HaveDocumentedStatuses() => RunAsync(Whole);

    private static async Task RunAsync(int cases)
    {
        await using var service = await FuzzedService.StartAsync();
        await FuzzRun.RunAsync(Seed, cases, random => OneAsync(service, random));
        await service.AssertUnharmedAsync();
    }

    private static async Task OneAsync(FuzzedService service, Random random)
    {
        var method = Pick(random, FuzzMethod.All);
        byte[] request = ByteMutations.Spoil(random, Pick(random, method.Valid), Pick(random, Pick(random, FuzzMethod.All).Valid));
        bool parses = method.Parses(request);
        if (method.Name == "Unload" && parses
            && UnloadModelRequest.Parser.ParseFrom(request).Name is FuzzedService.Ids or FuzzedService.Text or FuzzedService.Labels)
        {
            return; // a splice that names a model which the other cases need
        }

        var status = await method.CallAsync(service.Channel, request);

        // What is no message has one answer, and nothing else has it.
        if ((status.StatusCode, status.Detail) == (Verdict.NoMessage.StatusCode, Verdict.NoMessage.Detail))
        {
            Assert.False(parses, $"{method.Name}: a message was refused as none.");
            return;
        }

        Assert.True(parses || status.StatusCode == StatusCode.ResourceExhausted, $"{method.Name} answered {status.StatusCode} to what is no message.");
        Verdict.AssertDocumented(method.Name, status);
    }

    private static T Pick<T>(Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
