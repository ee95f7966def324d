using System.Text.Json;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Tests.Rl;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class ValueLossTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Clipped_GoldenValues_MatchesFormula()
    {
        JsonElement ppo = GoldenLosses.Root.GetProperty("ppo");
        Tensor loss = ValueLoss.Clipped(Input("new_values"), Input("values"), Input("returns"), ppo.GetProperty("value_clip").GetDouble());
        GoldenLosses.AssertClose(ppo.GetProperty("value_loss_mean").GetDouble(), loss.mean().item<double>());

        Tensor Input(string name) => tensor(GoldenLosses.Numbers(ppo.GetProperty(name)));
    }

    [Fact]
    public void Clipped_InsideAndOutsideTheClip_GradientMatchesFiniteDifferences() => NumericGradient.AssertMatches(
        [0.1, 0.5, -0.5, 1.5], // old values 0, returns 1: inside, beyond towards the return, beyond away from it, beyond the return
        values => ValueLoss.Clipped(values, zeros_like(values), ones_like(values), 0.2));

    [Fact]
    public void IsClipped_MovedTowardsTheReturnBeyondTheClip_IsTrueOnlyThere()
    {
        Tensor values = tensor(new[] { 0.1, 0.5, -0.5 });
        Tensor clipped = ValueLoss.IsClipped(values, zeros_like(values), ones_like(values), 0.2);
        Assert.Equal([false, true, false], clipped.data<bool>().ToArray());
    }
}
