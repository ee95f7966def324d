using Rudder.Trainer.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

public sealed class KlTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    private static Tensor PolicyLogits => Logits("policy_logits");

    private static Tensor ReferenceLogits => Logits("reference_logits");

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Exact_GoldenLogits_MatchesPerTokenAndSum()
    {
        Tensor exact = Kl.Exact(PolicyLogits, ReferenceLogits);
        GoldenLosses.AssertClose(Golden("exact_per_token"), exact);
        GoldenLosses.AssertClose(GoldenLosses.Root.GetProperty("kl").GetProperty("exact_sum").GetDouble(), exact.sum().item<double>());
    }

    [Fact]
    public void K1_GoldenSamples_MatchesPerTokenAndSum()
    {
        Tensor k1 = Kl.K1(Sampled(PolicyLogits), Sampled(ReferenceLogits));
        GoldenLosses.AssertClose(Golden("k1_per_token"), k1);
        GoldenLosses.AssertClose(GoldenLosses.Root.GetProperty("kl").GetProperty("k1_sum").GetDouble(), k1.sum().item<double>());
    }

    [Fact]
    public void K3_GoldenSamples_MatchesPerToken() =>
        GoldenLosses.AssertClose(Golden("k3_per_token"), Kl.K3(Sampled(PolicyLogits), Sampled(ReferenceLogits)));

    [Fact]
    public void K3_TinyDifferencesInFloat32_IsNeverNegative()
    {
        float[] differences = [.. Enumerable.Range(-2000, 4001).Select(i => i * 3.7e-7f)];
        float[] k3 = Kl.K3(tensor(differences), zeros(differences.Length)).data<float>().ToArray();
        Assert.All(k3, value => Assert.True(value >= 0, $"{value:R}"));
        Assert.Equal(differences[0] * (double)differences[0] / 2, k3[0], 1e-9); // d²/2
    }

    [Fact]
    public void Exact_SameLogits_IsZeroWithZeroGradient()
    {
        Tensor policy = PolicyLogits.clone().requires_grad_();
        Tensor exact = Kl.Exact(policy, PolicyLogits);
        exact.sum().backward();
        Assert.All(exact.detach().data<double>().ToArray(), value => Assert.Equal(0, value, 1e-12));
        Assert.All(policy.grad!.data<double>().ToArray(), value => Assert.Equal(0, value, 1e-12));
    }

    [Fact]
    public void Exact_LogitsOf400Nats_LossAndGradientAreFinite()
    {
        Tensor policy = tensor(new[] { 400f, 0f, -400f }, requires_grad: true);
        Tensor exact = Kl.Exact(policy.reshape(1, 3), tensor(new[] { -400f, 0f, 400f }).reshape(1, 3));
        exact.sum().backward();
        Assert.Equal(800f, exact.sum().item<float>(), 1e-3f); // the policy's whole mass lies where the reference has −800 nats
        Assert.All(policy.grad!.data<float>().ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    private static double[] Golden(string name) => GoldenLosses.Numbers(GoldenLosses.Root.GetProperty("kl").GetProperty(name));

    private static Tensor Logits(string name) =>
        tensor(GoldenLosses.Flat(GoldenLosses.Root.GetProperty("kl").GetProperty(name))).reshape(6, 9); // [N,V]

    private static Tensor Sampled(Tensor logits)
    {
        long[] ids = [.. GoldenLosses.Root.GetProperty("kl").GetProperty("sampled").EnumerateArray().Select(id => id.GetInt64())];
        return SequenceLogProbs.OfTokens(logits, tensor(ids)); // [N]
    }
}
