using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Export;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Rl;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>
/// Measures how far a policy in preference training is from its reference: the exact KL along completions that the policy itself draws for
/// held-out prompts, always with the same seeds.
/// </summary>
internal sealed class PolicyKl
{
    private const string Name = "policy";
    private const int MaxNewTokens = 48;
    private const int RowsPerPass = 16;
    private const int Resamples = 1000;
    private const double Tail = 0.025;
    private readonly List<PreferenceGroup> _prompts;
    private readonly string _folder;
    private readonly int _seed;
    private readonly int _threads;

    /// <summary>Chooses the prompts.</summary>
    /// <param name="groups">Held-out prompts; one completion is drawn of each of <paramref name="count"/>, evenly spread.</param>
    /// <param name="count">At least 1.</param>
    /// <param name="folder">Temporary folder for the policy's export; replaced and removed.</param>
    /// <param name="seed">The recipe's seed.</param>
    /// <param name="threads">Compute threads.</param>
    public PolicyKl(IEnumerable<PreferenceGroup> groups, int count, string folder, int seed, int threads)
    {
        (_folder, _seed, _threads) = (folder, seed, threads);
        PreferenceGroup[] all = [.. groups.DistinctBy(group => group.PromptId)];
        count = Math.Min(count, all.Length);
        _prompts = [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Length / count)])];
    }

    /// <summary>Loads a reference from its folder for one measurement. Training continues as if it had not been loaded.</summary>
    /// <param name="policy">The policy, in evaluation mode.</param>
    /// <param name="reference">Folder of the reference.</param>
    public IReadOnlyList<KeyValuePair<string, double>> Measure(ILanguageModel policy, string reference)
    {
        using Tensor random = get_rng_state();              // a new model draws its first weights
        try
        {
            using ILanguageModel model = AdaptedLanguageModel.Base(policy, reference) ?? ModelFolder.Load<ILanguageModel>(reference, policy.Device, 0);
            model.eval();
            return Measure(policy, model);
        }
        finally
        {
            set_rng_state(random);
        }
    }

    /// <summary>Draws the completions and measures their KL.</summary>
    /// <param name="policy">The policy, in evaluation mode.</param>
    /// <param name="reference">A model with the same vocabulary.</param>
    /// <returns><c>kl/seq_exact</c>, nats, and the ends of its 95 % bootstrap interval over prompts.</returns>
    public IReadOnlyList<KeyValuePair<string, double>> Measure(ILanguageModel policy, ILanguageModel reference)
    {
        List<float> kl = [];
        List<int[]> drawn = Draw(policy, Math.Min(policy.Config.Context, reference.Config.Context));
        foreach ((PreferenceGroup Prompt, int[] Ids)[] pass in _prompts.Zip(drawn).Chunk(RowsPerPass))
        {
            using var scope = NewDisposeScope();
            var batch = PreferenceBatch.OfCompletions([.. pass.Select(row => Row(row.Prompt, row.Ids))]);
            var rows = new PreferenceTensors(batch, policy.Device);
            Tensor exact = Kl.Exact(TokenScores.Frozen(policy, rows).Logits, TokenScores.Frozen(reference, rows).Logits); // [N]
            kl.AddRange(NamedParameters.Values(SequenceLogProbs.SumPerSequence(exact, rows.Slots))); // [B]
        }

        (double low, double high) = Interval(kl, EpochRandom.Of(_seed, 0));
        return [new("kl/seq_exact", kl.Average()), new("kl/seq_exact_low", low), new("kl/seq_exact_high", high)];
    }

    /// <summary>The 95 % percentile bootstrap of a mean.</summary>
    /// <param name="values">One value of each prompt, so that resampling values resamples prompts.</param>
    /// <param name="random">Draws the resamples.</param>
    internal static (double Low, double High) Interval(IReadOnlyList<float> values, Random random)
    {
        double[] means = [.. Enumerable.Range(0, Resamples).Select(_ => Enumerable.Range(0, values.Count).Average(_ => values[random.Next(values.Count)])).Order()];
        return (means[(int)(Tail * Resamples)], means[(int)((1 - Tail) * Resamples) - 1]);
    }

    /// <summary>One completion of each prompt by plain sampling, drawn by the inference engine in this process.</summary>
    private List<int[]> Draw(ILanguageModel policy, int context)
    {
        Delete();
        try
        {
            ModelFolder.Save(policy, _folder, tokenizer: null, WeightType.F32);
            ModelExport.WriteUnchecked(_folder);
            return DrawAsync(context).GetAwaiter().GetResult();
        }
        finally
        {
            Delete();
        }
    }

    private async Task<List<int[]>> DrawAsync(int context)
    {
        var options = new EngineOptions
        {
            Threads = _threads,
            MaxSlots = Math.Min(_prompts.Count, 32),
            MaxTokens = Math.Min(context, _prompts.Max(prompt => prompt.PromptIds.Length) + MaxNewTokens),
        };
        await using var engine = new EngineHost(options);
        await engine.LoadAsync(new Engine.ModelSource(Name, _folder));
        var request = new GenerationRequest
        {
            Prompts = [.. _prompts.Select(prompt => new PromptContent { Ids = prompt.PromptIds })],
            Seed = ulong.MaxValue - (ulong)_seed,           // the default sampling cuts nothing off, so the KL is unbiased
        };
        return [.. (await engine.GenerateAsync(Name, request)).Select(drawn => drawn[0].Ids)];
    }

    private static (PreferenceGroup Group, GroupCompletion Completion) Row(PreferenceGroup prompt, int[] ids)
    {
        var completion = new GroupCompletion(0, 0, ids);
        return (new PreferenceGroup(prompt.PromptId, prompt.PromptIds, [completion], []), completion);
    }

    private void Delete()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
