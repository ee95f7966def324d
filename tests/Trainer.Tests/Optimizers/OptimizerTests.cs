using System.Text.Json;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using TorchSharp;
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
        using Gpt2 model = ModelFolder.LoadGpt2(FixtureFiles.Folder("tiny-gpt2"), CPU, dropout: 0);
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
    public void AdamWStep_TensorOperations_EqualTheFusedPass()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor start = randn(103), slope = randn(103);
        float[][] results = [.. new[] { false, true }.Select(tensors =>
        {
            var parameter = new NamedParameter("p", nn.Parameter(start.clone()));
            using var optimizer = new AdamW([parameter], 0.9, 0.95, 1e-8, _ => 0.1) { TensorOperations = tensors };
            for (int step = 0; step < 5; step++)
            {
                parameter.Value.grad = null;
                (parameter.Value * parameter.Value * slope).sum().backward();
                optimizer.Step(0.01, 0.7);
            }

            return parameter.Value.data<float>().ToArray();
        })];
        Assert.All(results[0].Zip(results[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
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
