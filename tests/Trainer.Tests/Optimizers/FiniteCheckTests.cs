using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Optimizers;

public sealed class FiniteCheckTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Require_BackwardPassThatBreaksInTheMiddle_NamesWhereItBroke()
    {
        NamedParameter[] parameters = [With("first", float.NaN), With("second", float.PositiveInfinity), With("last", 1)];
        Assert.Contains("first in the gradient of second;", Message(1, parameters, () => null), StringComparison.Ordinal);
    }

    [Fact]
    public void Require_OnlyTheLossIsBroken_NamesTheLoss() =>
        Assert.Contains("first in the logits or the loss;", Message(double.NaN, [With("only", float.NaN)], () => null), StringComparison.Ordinal);

    [Fact]
    public void Require_WeightOutsideTheModules_IsNamedBeforeTheLoss()
    {
        NamedParameter head = With("score.weight", float.NaN);
        using (no_grad())
        {
            head.Value.fill_(float.NaN);
        }

        Assert.Contains("first in weight score.weight;", Message(double.NaN, [head], () => null), StringComparison.Ordinal);
    }

    [Fact]
    public void Require_ForwardPassBreaks_NamesItsPlaceBeforeAnyGradient() =>
        Assert.Contains("first in h.1 output;", Message(double.NaN, [With("first", float.NaN)], () => "h.1 output"), StringComparison.Ordinal);

    [Theory]
    [InlineData("h.0.mlp.c_proj.weight", float.NaN, "weight h.0.mlp.c_proj.weight")]
    [InlineData("h.1.ln_1.bias", float.PositiveInfinity, "weight h.1.ln_1.bias")]
    [InlineData("h.1.mlp.c_fc.weight", 3e38f, "h.1.mlp.c_fc output")] // finite itself; the product overflows
    [InlineData("wpe.weight", 3e38f, "h.0.ln_1 output")] // its variance overflows
    public void First_BrokenForwardPass_NamesTheFirstTensorInOrder(string name, float value, string expected)
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, 0);
        Tensor weight = model.Parameters.Single(parameter => parameter.Name == name).Value;
        using (no_grad())
        {
            weight[0].fill_(value); // a row, or a bias' first entry
            if (name.StartsWith("h.1.mlp", StringComparison.Ordinal))
            {
                weight.fill_(value);
            }
        }

        Assert.Equal(expected, BrokenTensor.First(model, () => Forward(model)));
        Assert.Equal("value." + expected.Replace("weight ", string.Empty, StringComparison.Ordinal), BrokenTensor
            .First([("value.", model)], () => Forward(model))!.Replace("weight ", string.Empty, StringComparison.Ordinal));
    }

    [Fact]
    public void First_Bf16Outputs_AreReadToo()
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, 0, bf16: true);
        using (no_grad())
        {
            model.Parameters.Single(parameter => parameter.Name == "h.1.mlp.c_fc.weight").Value[0].fill_(float.NaN);
        }

        Assert.Equal("weight h.1.mlp.c_fc.weight", BrokenTensor.First(model, () => Forward(model)));
    }

    [Fact]
    public void First_SoundModel_FindsNothingAndLeavesNoHook()
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, 0);
        Assert.Null(BrokenTensor.First(model, () => Forward(model)));
        string? late = BrokenTensor.First(model, () => { });
        using (no_grad())
        {
            model.Parameters[0].Value.fill_(float.NaN);
        }

        Forward(model);
        Assert.Null(late);
    }

    private static void Forward(ILanguageModel model) => model.Head(model.Hidden(tensor(new long[] { 1, 2, 3 }).reshape(1, 3))).sum().backward();

    private static NamedParameter With(string name, float gradient)
    {
        TorchSharp.Modules.Parameter parameter = nn.Parameter(zeros(1));
        parameter.grad = tensor(new[] { gradient });
        return new NamedParameter(name, parameter);
    }

    private static string Message(double loss, IReadOnlyList<NamedParameter> parameters, Func<string?> firstInForward) =>
        Assert.Throws<WorkFailedException>(() => FiniteCheck.Require(3, loss, double.NaN, parameters, ["batch"], firstInForward)).Message;
}
