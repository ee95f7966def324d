using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Optimizers;

public sealed class ClippedStepTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Take_SeveralModels_ClipsEachOnItsOwn()
    {
        NamedParameter[] parameters = [WithGradient("a", 3), WithGradient("b", 0.5f), WithGradient("c", 8)];
        using var optimizer = new Recorder(parameters);
        var step = new ClippedStep(new PpoRecipe { MaxGradNorm = 2 }, [.. parameters.Select(parameter => new[] { parameter })], optimizer, 10, Ranks.One);

        (double norm, _) = step.Take(0, 1, ["id"], () => null);

        Assert.Equal(3, norm);
        Assert.Equal([3, 0.5, 8], step.Norms);
        Assert.All(new[] { 2, 0.5, 2 }.Zip(optimizer.Scaled), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void Take_FurtherModelIsBroken_IsRefusedNamingIt()
    {
        NamedParameter[] parameters = [WithGradient("a", 3), WithGradient("value.b", float.NaN)];
        using var optimizer = new Recorder(parameters);
        var step = new ClippedStep(new PpoRecipe(), [.. parameters.Select(parameter => new[] { parameter })], optimizer, 10, Ranks.One);
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => step.Take(0, 1, ["id"], () => null));
        Assert.Contains("first in the gradient of value.b", error.Message, StringComparison.Ordinal);
        Assert.Empty(optimizer.Scaled);
    }

    private static NamedParameter WithGradient(string name, float gradient)
    {
        Parameter parameter = nn.Parameter(zeros(1));
        parameter.grad = tensor(new[] { gradient });
        return new NamedParameter(name, parameter);
    }

    /// <summary>Notes the gradients that an optimizer would use.</summary>
    private sealed class Recorder(NamedParameter[] parameters) : IOptimizer
    {
        public double[] Scaled { get; private set; } = [];

        public int Steps => 0;

        public IReadOnlyList<NamedState> State => [];

        public void Step(double learningRate, double gradientScale) =>
            Scaled = [.. parameters.Select(parameter => parameter.Value.grad!.item<float>() * gradientScale)];

        public void Resume(int steps)
        {
        }

        public void Dispose()
        {
        }
    }
}
