using Rudder.Engine;
using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class ChoiceTextTests
{
    private static readonly RankedToken[] Top = [new(4, -0.5f), new(2, -1), new(9, -3)];

    [Fact]
    public void TopTexts_TokenAmongTheTop_IsNotAddedAgain() => Assert.Equal(
        [Shown("4", -0.5f), Shown("2", -1), Shown("9", -3)], ChoiceText.TopTexts(new RankedToken(2, -1), Top, id => $"{id}"));

    [Fact]
    public void TopTexts_LessProbableToken_ComesLast() => Assert.Equal(
        [Shown("4", -0.5f), Shown("2", -1), Shown("9", -3), Shown("7", -8)], ChoiceText.TopTexts(new RankedToken(7, -8), Top, id => $"{id}"));

    [Fact]
    public void TopTexts_EqualTexts_KeepsTheMoreProbable() => Assert.Equal(
        [Shown("even", -0.5f), Shown("odd", -3)], ChoiceText.TopTexts(new RankedToken(7, -8), Top, id => id % 2 == 0 ? "even" : "odd"));

    private static KeyValuePair<string, float> Shown(string text, float logProb) => new(text, logProb);
}
