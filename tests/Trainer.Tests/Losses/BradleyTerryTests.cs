using System.Text.Json;
using Rudder.Trainer.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class BradleyTerryTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Loss_GoldenScores_MatchesMeanWithAndWithoutCentring()
    {
        JsonElement golden = GoldenLosses.Root.GetProperty("reward_model");
        Tensor chosen = tensor(GoldenLosses.Numbers(golden.GetProperty("chosen_rewards"))), rejected = tensor(GoldenLosses.Numbers(golden.GetProperty("rejected_rewards")));
        Tensor losses = BradleyTerry.Loss(chosen, rejected);
        GoldenLosses.AssertClose(golden.GetProperty("bradley_terry_mean").GetDouble(), losses.mean().item<double>());
        GoldenLosses.AssertClose(
            golden.GetProperty("centered_c=0.01_mean").GetDouble(), (losses + (0.01 * BradleyTerry.Centring(chosen, rejected))).mean().item<double>());
    }

    /// <summary>TRL's own function, with scores of ±60 among them, with and without margins and centring.</summary>
    [Fact]
    public void Loss_SharedScores_MatchesValuesAndGradients()
    {
        JsonElement section = SharedLosses.Section("reward_model"), inputs = section.GetProperty("inputs");
        JsonElement[] cases = [.. section.GetProperty("cases").EnumerateArray()];
        Assert.Equal(6, cases.Length);
        foreach (JsonElement entry in cases)
        {
            Tensor chosen = Input("rewards_chosen").requires_grad_(), rejected = Input("rewards_rejected").requires_grad_();
            JsonElement margin = entry.GetProperty("margin"), centring = entry.GetProperty("center_rewards_coefficient");
            Tensor losses = BradleyTerry.Loss(chosen, rejected, margin.ValueKind == JsonValueKind.Null ? null : tensor(GoldenLosses.Numbers(margin)));
            losses = centring.ValueKind == JsonValueKind.Null ? losses : losses + (centring.GetDouble() * BradleyTerry.Centring(chosen, rejected));
            losses.mean().backward();
            GoldenLosses.AssertClose(entry.GetProperty("mean").GetDouble(), losses.mean().item<double>());
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("gradient").GetProperty("chosen")), chosen.grad!);
            GoldenLosses.AssertClose(GoldenLosses.Numbers(entry.GetProperty("gradient").GetProperty("rejected")), rejected.grad!);
        }

        Tensor Input(string name) => tensor(GoldenLosses.Numbers(inputs.GetProperty(name)));
    }
}
