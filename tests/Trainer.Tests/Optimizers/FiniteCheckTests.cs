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
    public void Require_OneNaNWeight_NamesItThoughEveryGradientIsNaN()
    {
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, 0);
        NamedParameter broken = model.Parameters.First(parameter => parameter.Name.StartsWith(model.BlockPrefix + "1.", StringComparison.Ordinal) && parameter.Value.dim() == 2);
        using (no_grad())
        {
            broken.Value[0, 0] = float.NaN;
        }

        model.Head(model.Hidden(tensor(new long[] { 1, 2, 3 }).reshape(1, 3))).sum().backward();
        Assert.All(model.Parameters.Take(2), parameter => Assert.True(float.IsNaN(parameter.Value.grad!.sum().item<float>()), parameter.Name));
        Assert.Contains($"first in weight {broken.Name};", Message(model.Parameters), StringComparison.Ordinal);
    }

    [Fact]
    public void Require_BackwardPassThatBreaksInTheMiddle_NamesWhereItBroke()
    {
        NamedParameter[] parameters = [With("first", float.NaN), With("second", float.PositiveInfinity), With("last", 1)];
        Assert.Contains("first in the gradient of second;", Message(parameters), StringComparison.Ordinal);
    }

    private static NamedParameter With(string name, float gradient)
    {
        TorchSharp.Modules.Parameter parameter = nn.Parameter(zeros(1));
        parameter.grad = tensor(new[] { gradient });
        return new NamedParameter(name, parameter);
    }

    private static string Message(IReadOnlyList<NamedParameter> parameters) =>
        Assert.Throws<WorkFailedException>(() => FiniteCheck.Require(3, double.NaN, double.NaN, parameters, ["batch"])).Message;
}
