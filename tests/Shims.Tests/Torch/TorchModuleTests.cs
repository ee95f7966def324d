using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Modules name, move and save what they own.</summary>
[Collection(TorchCollection.Name)]
public class TorchModuleTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Net net = new();

    [Fact]
    public void NamedParameters_OfNestedModules_AreNamedByFieldsInOrder() => Assert.Equal(
        ["table.weight", "norm.weight", "norm.bias", "list.0.weight", "list.0.bias", "list.1.weight", "scale"],
        net.named_parameters().Select(p => p.name).OrderBy(n => n == "scale" ? 1 : 0));

    [Fact]
    public void StateDict_LoadedIntoAnother_MakesItEqual()
    {
        using var other = new Net();
        other.load_state_dict(net.state_dict());
        Tensor ids = tensor(new long[] { 0, 2, 1 });
        Assert.Equal(net.call(ids).data<float>().ToArray(), other.call(ids).data<float>().ToArray());
        Assert.Contains("fixed_values", net.state_dict().Keys);
    }

    [Fact]
    public void LoadStateDict_MissingKey_IsRefusedByName()
    {
        Dictionary<string, Tensor> partial = net.state_dict();
        partial.Remove("scale");
        Assert.Contains("scale", Assert.Throws<InvalidOperationException>(() => net.load_state_dict(partial)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Eval_OnParent_ReachesChildren()
    {
        net.eval();
        Assert.All(net.modules(), m => Assert.False(m.training));
        net.train();
        Assert.All(net.modules(), m => Assert.True(m.training));
    }

    [Fact]
    public void ZeroGrad_AfterBackward_DropsGradients()
    {
        net.call(tensor(new long[] { 1 })).sum().backward();
        Assert.NotNull(net.parameters().First().grad);
        net.zero_grad();
        Assert.All(net.parameters(), p => Assert.Null(p.grad));
    }

    [Fact]
    public void Embedding_Backward_AddsUpRepeatedIds()
    {
        using Embedding table = nn.Embedding(3, 2);
        table.call(tensor(new long[] { 1, 1, 2 })).sum().backward();
        Assert.Equal([0f, 0, 2, 2, 1, 1], table.weight.grad.data<float>().ToArray());
    }

    [Fact]
    public void Parameter_MadeInAScope_OutlivesIt()
    {
        Parameter kept;
        using (NewDisposeScope())
        {
            kept = nn.Parameter(ones(2));
        }

        Assert.Equal(2f, kept.sum().item<float>());
        kept.Dispose();
    }

    public void Dispose()
    {
        net.Dispose();
        scope.Dispose();
    }

    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding table = nn.Embedding(3, 4);
        private readonly LayerNorm norm = nn.LayerNorm(4);
        private readonly ModuleList<Linear> list = nn.ModuleList(nn.Linear(4, 4), nn.Linear(4, 4, hasBias: false));
        private readonly Parameter scale = nn.Parameter(ones(4));
        private readonly Tensor fixed_values = ones(4);

        public Net()
            : base(nameof(Net)) => RegisterComponents();

        public override Tensor forward(Tensor ids)
        {
            Tensor x = norm.call(table.call(ids)); // [T,4]
            foreach (Linear layer in list)
            {
                x = layer.call(x); // [T,4]
            }

            return (x * scale) + fixed_values; // [T,4]
        }
    }
}
