using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RolloutEngineTests : IDisposable
{
    private const int Width = 128, Vocabulary = 300;
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void RequireWeights_CompletionOfOlderWeights_IsRefused()
    {
        var sequence = new GeneratedSequence(0, [1], [-1], GenerationEnd.Stop, 0) { WeightsVersion = 3 };
        RolloutEngine.RequireWeights(sequence, 3);
        WorkFailedException error = Assert.Throws<WorkFailedException>(() => RolloutEngine.RequireWeights(sequence, 4));
        Assert.Contains("weights 3; the policy's are 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Update_ChangedPolicy_DrawsAsAnEngineThatStartedWithIt()
    {
        using Gpt2Model policy = Policy();
        using RolloutEngine engine = Start(policy, "updated");
        RolloutPrompt[] prompts = [new("a", [5, 6], string.Empty), new("b", [7], string.Empty)];
        float[] before = LogProbs(engine);
        Change(policy);
        engine.Update(policy, 1);
        using RolloutEngine fresh = Start(policy, "fresh");

        float[] expected = LogProbs(fresh);
        Assert.Equal(expected, LogProbs(engine));
        Assert.NotEqual(before, expected);
        Assert.Equal(1, engine.Version);

        float[] LogProbs(RolloutEngine from) => [.. from.Draw(prompts, 2, 11).SelectMany(rollout => rollout.LogProbs)];
    }

    [Fact]
    public void Update_ReadsTheParametersInPlace()
    {
        using Gpt2Model policy = Policy();
        using RolloutEngine engine = Start(policy, "updated");
        engine.Update(policy, 1);
        long tensors = DisposeScopeManager.Statistics.ThreadTotalLiveCount, before = GC.GetAllocatedBytesForCurrentThread();
        engine.Update(policy, 2);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.InRange(allocated, 1, sizeof(float) * Vocabulary * Width / 2); // the token table is the largest parameter
        Assert.Equal(tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static Gpt2Model Policy()
    {
        manual_seed(5);
        return new Gpt2Model(new Gpt2Config { Layers = 2, HiddenSize = Width, Heads = 2, VocabularySize = Vocabulary, Context = 16 }, 0, CPU);
    }

    private static void Change(ILanguageModel policy)
    {
        using IDisposable quiet = no_grad();
        foreach (NamedParameter parameter in policy.Parameters)
        {
            using var scope = NewDisposeScope();
            parameter.Value.add_(randn_like(parameter.Value), 0.1);
        }
    }

    private RolloutEngine Start(ILanguageModel policy, string name)
    {
        string folder = _world.File("model");
        ModelFolder.Save(policy, folder, _world.LanguageTokenizer, WeightType.F32);
        OnPolicyRecipe recipe = _world.OnPolicy("reinforce", folder);
        return RolloutEngine.Start(
            policy, TextTokenizer.Load(_world.LanguageTokenizer)!, _world.LanguageTokenizer, recipe, _world.File(name), 1, 2, 0, Ranks.One);
    }
}
