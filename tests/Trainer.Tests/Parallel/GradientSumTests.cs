using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Parallel;

public sealed class GradientSumTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1, 4)]     // a bucket for each parameter
    [InlineData(7, 2)]     // two buckets of two
    [InlineData(1000, 1)]  // one for all
    public void Run_TwoProcesses_AddsUpEveryGradient(int bucketFloats, int messages)
    {
        NamedParameter[] parameters = [WithGradient("a", 1, 2), WithGradient("b", 3, 4, 5), WithGradient("c", 6), WithGradient("d", 7, 8, 9)];
        var twin = new Twin();
        new GradientSum(twin, parameters, bucketFloats).Run();
        Assert.Equal([2, 4, 6, 8, 10, 12, 14, 16, 18], parameters.SelectMany(parameter => NamedParameters.Values(parameter.Value.grad!)));
        Assert.Equal(messages, twin.Messages);
    }

    [Fact]
    public void Run_GradientOnTheOtherProcessAlone_IsTaken()
    {
        NamedParameter own = WithGradient("a", 1), without = Without("b", 2);
        new GradientSum(new Twin(other: [1, 5, 6, 1, 1]), [own, without]).Run(); // a, b, b, has a, has b
        Assert.Equal([2], NamedParameters.Values(own.Value.grad!));
        Assert.Equal([5, 6], NamedParameters.Values(without.Value.grad!));
    }

    [Fact]
    public void Run_GradientOnNoProcess_StaysAbsent()
    {
        NamedParameter without = Without("b", 2);
        new GradientSum(new Twin(), [WithGradient("a", 1), without]).Run();
        Assert.Null(without.Value.grad);
    }

    [Fact]
    public void Run_OneProcess_ChangesNothing()
    {
        NamedParameter parameter = WithGradient("a", 1);
        new GradientSum(Ranks.One, [parameter]).Run();
        Assert.Equal([1], NamedParameters.Values(parameter.Value.grad!));
    }

    private static NamedParameter WithGradient(string name, params float[] gradient)
    {
        NamedParameter parameter = Without(name, gradient.Length);
        parameter.Value.grad = tensor(gradient);
        return parameter;
    }

    private static NamedParameter Without(string name, int size)
    {
        Parameter parameter = nn.Parameter(zeros(size));
        return new NamedParameter(name, parameter);
    }

    /// <summary>One of two processes; the other one has the same numbers, or those given.</summary>
    private sealed class Twin(float[]? other = null) : Ranks
    {
        public override int Count => 2;

        public int Messages { get; private set; }

        public override void AddUp(Span<float> values)
        {
            Messages++;
            for (int i = 0; i < values.Length; i++)
            {
                values[i] += other?[i] ?? values[i];
            }
        }
    }
}
