using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Sampling;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Http;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Http;

public sealed class TopTextsTests
{
    private static readonly RankedToken[] Top = [new(4, -0.5f), new(2, -1), new(9, -3)];
    private static readonly LoadedModel Model = new FakeGenerator("f").Model("m");

    [Fact]
    public void Of_TokenAmongTheTop_IsNotAddedAgain() =>
        Assert.Equal([Shown("token_id:4", -0.5f), Shown("token_id:2", -1), Shown("token_id:9", -3)], TopTexts.Of(Model, new RankedToken(2, -1), Top));

    [Fact]
    public void Of_LessProbableToken_ComesLast() => Assert.Equal(
        [Shown("token_id:4", -0.5f), Shown("token_id:2", -1), Shown("token_id:9", -3), Shown("token_id:7", -8)],
        TopTexts.Of(Model, new RankedToken(7, -8), Top));

    [Fact]
    public void Distinct_EqualTexts_TheMoreProbableStays() => Assert.Equal(
        [Shown("a", -1), Shown("A", -2), Shown("b", -4)],
        TopTexts.Distinct([Shown("a", -1), Shown("A", -2), Shown("a", -3), Shown("b", -4), Shown("A", -5)]));

    private static KeyValuePair<string, float> Shown(string text, float logProb) => new(text, logProb);
}
