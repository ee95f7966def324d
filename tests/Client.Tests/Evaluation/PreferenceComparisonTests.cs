using Rudder.Client.Evaluation;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Preference.V1;

namespace Rudder.Client.Tests.Evaluation;

/// <summary>
/// The named preference accuracies. In the fake, a completion's log-prob is minus the sum of its ids, minus 100 for each id under the
/// reference; a text's score is its length.
/// </summary>
public sealed class PreferenceComparisonTests
{
    private static readonly PreferencePair[] Pairs =
    [
        Pair([10], "longer", [20], "short"), // both right; log-ratios 90 and 80
        Pair([10, 20], "even", [20], "even"), // log-prob −30 against −20, log-ratios 170 and 80; equal scores
        Pair([5, 15], "s", [20], "longer"), // equal log-probs, log-ratios 180 and 80
        Pair([150], "longer", [20], "s"), // log-prob −150 against −20, log-ratios −50 and 80
    ];

    [Fact]
    public async Task OfPolicy_Pairs_CountsTiesAsWrongAndScoresItsCompletions()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        EvaluationRow[] rows = [new("p", "abc", [Completion("de"), Completion("defghi")]), new("q", "a", [Completion("")])];
        ComparisonResult result = await new PreferenceComparison(client, Pairs).OfPolicyAsync(
            "dpo", FakeModels.Policy, FakeModels.Reference, FakeModels.RewardModel, rows, CancellationToken.None);
        Assert.Equal(new ComparisonResult("dpo", 4, 0.75, 0.25, null, 5), result); // lengths 5, 9 and 1
    }

    [Fact]
    public async Task OfRewardModel_Pairs_CountsTiesAsWrong()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        ComparisonResult result = await new PreferenceComparison(client, Pairs).OfRewardModelAsync(
            "reward", FakeModels.RewardModel, CancellationToken.None);
        Assert.Equal(new ComparisonResult("reward", 4, null, null, 0.5, null), result);
    }

    [Fact]
    public async Task OfRewardModel_ClassifierOfTwoLabels_IsRefused()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() =>
            new PreferenceComparison(client, Pairs).OfRewardModelAsync("reward", FakeModels.Classifier, CancellationToken.None));
        Assert.Contains("has 2 labels; a reward model has one", error.Message, StringComparison.Ordinal);
    }

    private static EvaluatedCompletion Completion(string text) => new(text, 1, true, 0, 0, 0);

    private static PreferencePair Pair(int[] chosen, string chosenText, int[] rejected, string rejectedText) =>
        new()
        {
            Prompt = "A",
            PromptIds = { 65 },
            Chosen = chosenText,
            Rejected = rejectedText,
            ChosenSample = new Scored { Ids = { chosen } },
            RejectedSample = new Scored { Ids = { rejected } },
        };
}
