using System.Text.Json;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Optimizers;

public class OptimizerTests
{
    private const double Tolerance = 1e-4; // six float32 steps against PyTorch's own loop

    [Theory]
    [InlineData("AdamW(lr=1e-3,betas=(0.9,0.95),eps=1e-8,weight_decay=0.1 on all)", "adamw", 1e-3, 0.1)]
    [InlineData("RMSprop(lr=1e-4,alpha=0.99,eps=1e-8)", "rmsprop", 1e-4, 0)]
    public void Step_SixStepsOnTinyGpt2_FollowsReferenceTrajectory(string key, string name, double rate, double decay)
    {
        JsonElement training = FixtureFiles.Json("tiny-gpt2", "training.json");
        double[] losses = FixtureFiles.Numbers(training.GetProperty(key).GetProperty("loss"));
        double[] norms = FixtureFiles.Numbers(training.GetProperty(key).GetProperty("grad_norm_before_clipping"));
        var batch = new WholeDocuments(FixtureFiles.Rows(training.GetProperty("batch")).Select(r => ("row", r)), endOfText: 0, length: 16);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(FixtureFiles.Folder("tiny-gpt2"), CPU, dropout: 0);
        var settings = new OptimizerSettings { Name = name, LearningRate = rate, WeightDecay = decay, DecayAll = true };
        using IOptimizer optimizer = OptimizerFactory.Create(settings, model.Parameters);
        for (int step = 0; step < 6; step++)
        {
            using var scope = NewDisposeScope();
            model.zero_grad();
            LanguageBatch inputs = Collator.NextToken(batch, [0, 1, 2], CPU);
            Tensor loss = Sft.SumOfLosses(model, inputs) / inputs.Count;
            loss.backward();
            double norm = GradientNorm.Of(model.Parameters);
            Assert.Equal(losses[step], loss.item<float>(), Tolerance);
            Assert.Equal(norms[step], norm, Tolerance);
            optimizer.Step(rate, GradientNorm.ClipScale(norm, 1.0));
        }
    }

    [Fact]
    public void AdamWStep_OneParameterByHand_MatchesTheFormula()
    {
        // p = 1, g = 0.5, beta 0.9/0.95, first step: m̂ = g, v̂ = g², so p' = 1·(1 − 0.1·0.2) − 0.1·0.5/(0.5 + 1e-8) = 0.88
        using var scope = NewDisposeScope();
        var parameter = new NamedParameter("p", nn.Parameter(ones(19)));
        (parameter.Value * 0.5).sum().backward();
        using var optimizer = new AdamW([parameter], 0.9, 0.95, 1e-8, _ => 0.2);
        optimizer.Step(0.1, 1);
        Assert.All(parameter.Value.data<float>().ToArray(), p => Assert.Equal(0.88f, p, 1e-6f));
    }

    [Fact]
    public void AdamWStep_ScaledGradients_FollowTheFormulaInFloat64()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        double[] expected = [.. randn(103).data<float>().ToArray().Select(v => (double)v)];
        float[][] gradients = [.. Enumerable.Range(0, 5).Select(_ => randn(103).data<float>().ToArray())];
        var parameter = new NamedParameter("p", nn.Parameter(tensor([.. expected.Select(v => (float)v)])));
        using var optimizer = new AdamW([parameter], 0.9, 0.95, 1e-8, _ => 0.1);
        (double[] average, double[] square) = (new double[103], new double[103]);
        for (int step = 1; step <= gradients.Length; step++)
        {
            parameter.Value.grad = tensor(gradients[step - 1]);
            optimizer.Step(0.01, 0.7);
            for (int i = 0; i < expected.Length; i++)
            {
                double gradient = 0.7 * gradients[step - 1][i];
                average[i] = (0.9 * average[i]) + (0.1 * gradient);
                square[i] = (0.95 * square[i]) + (0.05 * gradient * gradient);
                double corrected = average[i] / (1 - Math.Pow(0.9, step)) / (Math.Sqrt(square[i] / (1 - Math.Pow(0.95, step))) + 1e-8);
                expected[i] = (expected[i] * (1 - (0.01 * 0.1))) - (0.01 * corrected);
            }
        }

        Assert.All(expected.Zip(parameter.Value.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("rmsprop")]
    public void Step_StateCopiedIntoAFreshOptimizer_ContinuesBitForBit(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor start = randn(11, 7), slope = randn(11, 7);
        var settings = new OptimizerSettings { Name = name, WeightDecay = 0.1 };
        NamedParameter whole = Parameter(start), cut = Parameter(start);
        using IOptimizer through = OptimizerFactory.Create(settings, [whole]), first = OptimizerFactory.Create(settings, [cut]);
        Learn(whole, through, 6);
        Learn(cut, first, 3);

        NamedParameter resumed = Parameter(cut.Value.detach());
        using IOptimizer second = OptimizerFactory.Create(settings, [resumed]);
        foreach ((NamedState to, NamedState from) in second.State.Zip(first.State))
        {
            Assert.Equal(from.Name, to.Name);
            using var quiet = no_grad();
            to.Value.copy_(from.Value);
        }

        second.Resume(first.Steps);
        Learn(resumed, second, 3);
        Assert.Equal(NamedParameters.Values(whole.Value), NamedParameters.Values(resumed.Value));

        static NamedParameter Parameter(Tensor value) => new("p", nn.Parameter(value.clone()));

        void Learn(NamedParameter parameter, IOptimizer optimizer, int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                parameter.Value.grad = null;
                (parameter.Value * parameter.Value * slope).sum().backward();
                optimizer.Step(0.01, 0.7);
            }
        }
    }

    [Theory]
    [InlineData(3, 0, 1)] // clipping off
    [InlineData(0.5, 1, 1)] // below the limit
    [InlineData(4, 1, 0.25)]
    public void ClipScale_NormAndLimit_GivesFactor(double norm, double limit, double expected) =>
        Assert.Equal(expected, GradientNorm.ClipScale(norm, limit), 1e-6);

    [Fact]
    public void GradientNorm_KnownGradients_IsTheirLength()
    {
        using var scope = NewDisposeScope();
        var parameter = new NamedParameter("p", nn.Parameter(zeros(5000)));
        (parameter.Value * 0.03).sum().backward();
        Assert.Equal(0.03 * Math.Sqrt(5000), GradientNorm.Of([parameter]), 1e-5);
    }

    [Fact]
    public void Create_DecayNotOnAll_SparesVectors()
    {
        using var scope = NewDisposeScope();
        var matrix = new NamedParameter("matrix", nn.Parameter(ones(2, 2)));
        var bias = new NamedParameter("bias", nn.Parameter(ones(2)));
        ((matrix.Value.sum() + bias.Value.sum()) * 0).backward();
        using IOptimizer optimizer = OptimizerFactory.Create(new OptimizerSettings { WeightDecay = 0.5 }, [matrix, bias]);
        optimizer.Step(0.1, 1);
        Assert.Equal(0.95f, matrix.Value.data<float>().ToArray()[0], 1e-6f);
        Assert.Equal(1f, bias.Value.data<float>().ToArray()[0], 1e-6f);
    }
}
