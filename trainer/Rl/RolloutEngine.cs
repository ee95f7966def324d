using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Sampling;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Export;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Rl;

/// <summary>Draws completions with the inference engine in this process, always from the policy's newest weights.</summary>
/// <remarks>
/// The policy is exported once, at start. After each optimizer step its weights replace the engine's in place. In fp32 a completion depends
/// only on the weights, its prompt and its seed, so a resumed run draws the same ones. Several processes each draw their part of the prompts,
/// with the seeds of a single process, and exchange the completions.
/// </remarks>
internal sealed class RolloutEngine : IRolloutEngine
{
    private const string Name = "policy";
    private readonly EngineHost _engine;
    private readonly TextTokenizer _tokenizer;
    private readonly SamplingParameters _sampling;
    private readonly int _maxNewTokens;
    private readonly Ranks _ranks;
    private long _weights;                                  // the engine's version of the weights

    private RolloutEngine(EngineHost engine, TextTokenizer tokenizer, OnPolicyRecipe recipe, int version, Ranks ranks)
    {
        SamplingSettings sampling = recipe.Sampling;
        _sampling = new SamplingParameters((float)sampling.Temperature, sampling.TopK, (float)sampling.TopP, (float)sampling.MinP);
        (_engine, _tokenizer, _maxNewTokens, Version, _ranks) = (engine, tokenizer, recipe.MaxNewTokens, version, ranks);
    }

    /// <summary>Optimizer steps that the drawing policy has taken.</summary>
    public int Version { get; private set; }

    /// <summary>Exports the policy and loads it.</summary>
    /// <param name="policy">The policy, at the weights of the first rollout.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="tokenizerFolder">Folder of the tokenizer.</param>
    /// <param name="recipe">Batch sizes and sampling.</param>
    /// <param name="folder">Temporary folder for the export; replaced.</param>
    /// <param name="threads">Compute threads.</param>
    /// <param name="longestPrompt">Tokens of the longest prompt.</param>
    /// <param name="version">Optimizer steps that the policy has taken.</param>
    /// <param name="ranks">The processes that share the prompts.</param>
    public static RolloutEngine Start(
        ILanguageModel policy,
        TextTokenizer tokenizer,
        string tokenizerFolder,
        OnPolicyRecipe recipe,
        string folder,
        int threads,
        int longestPrompt,
        int version,
        Ranks ranks)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        ModelFolder.Save(policy, folder, tokenizerFolder, WeightType.F32);
        ModelExport.WriteUnchecked(folder);
        int completions = recipe.Sizes.Prompts * recipe.Sizes.Samples;
        var engine = new EngineHost(new EngineOptions
        {
            Threads = threads,
            MaxSlots = Math.Min(completions, recipe.Rollouts.Slots),
            MaxTokens = longestPrompt + recipe.MaxNewTokens,
            MaxSequences = completions,
            MaxQueue = completions,
        });
        try
        {
            engine.LoadAsync(new ModelSource(Name, folder) { ReplaceableWeights = true }).GetAwaiter().GetResult();
        }
        catch
        {
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }

        return new RolloutEngine(engine, tokenizer, recipe, version, ranks);
    }

    public IReadOnlyList<Rollout> Draw(IReadOnlyList<RolloutPrompt> prompts, int samples, ulong seed)
    {
        (int first, int count) = _ranks.Part(prompts.Count).GetOffsetAndLength(prompts.Count);
        RolloutPrompt[] own = _ranks.Part(prompts);
        var request = new GenerationRequest
        {
            Prompts = [.. own.Select((prompt, i) => new PromptContent { Ids = prompt.Ids, Seed = CounterRandom.Derive(seed, (uint)(first + i)) })],
            Samples = samples,
            Parameters = _sampling,
            MaxNewTokens = _maxNewTokens,
            Seed = seed,
        };
        IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn = count == 0 ? [] : _engine.GenerateAsync(Name, request).GetAwaiter().GetResult();
        Rollout[] completions = [.. own.Zip(drawn).SelectMany(pair => pair.Second.Select(sequence => Of(pair.First, sequence)))];
        return _ranks.Count == 1 ? completions : Joined(completions, prompts, samples);
    }

    /// <summary>Replaces the engine's weights in place, once no completion is under way.</summary>
    public void Update(ILanguageModel policy, int version)
    {
        var weights = policy.Collect().ToDictionary(weight => weight.Name, weight => weight.Data);
        _weights = _engine.ReplaceWeightsAsync(Name, weights).GetAwaiter().GetResult();
        Version = version;
    }

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Requires that a completion comes from the weights that the engine was given last.</summary>
    /// <param name="sequence">The completion.</param>
    /// <param name="expected">The engine's version of those weights.</param>
    /// <exception cref="WorkFailedException">Other weights drew it.</exception>
    internal static void RequireWeights(GeneratedSequence sequence, long expected)
    {
        if (sequence.WeightsVersion != expected)
        {
            throw new WorkFailedException(FormattableString.Invariant(
                $"The engine drew a completion from weights {sequence.WeightsVersion}; the policy's are {expected}. ")
                + "The last checkpoint is kept. Resume to export the policy anew.");
        }
    }

    private Rollout Of(RolloutPrompt prompt, GeneratedSequence sequence)
    {
        RequireWeights(sequence, _weights);
        return Rollout.Of(prompt, sequence.SampleIndex, sequence.Ids, sequence.LogProbs, Version, sequence.End == GenerationEnd.Stop, _tokenizer);
    }

    /// <summary>The completions of all processes. Their texts follow from the ids.</summary>
    private Rollout[] Joined(Rollout[] own, IReadOnlyList<RolloutPrompt> prompts, int samples)
    {
        int[] lengths = _ranks.Gather(Array.ConvertAll(own, rollout => rollout.Ids.Length));
        bool[] ended = _ranks.Gather(Array.ConvertAll(own, rollout => rollout.Ended));
        int[] ids = _ranks.Gather(own.SelectMany(rollout => rollout.Ids).ToArray());
        float[] logProbs = _ranks.Gather(own.SelectMany(rollout => rollout.LogProbs).ToArray());
        var all = new Rollout[lengths.Length];
        int start = 0;
        for (int i = 0; i < all.Length; i++)
        {
            Range place = start..(start += lengths[i]);
            all[i] = Rollout.Of(prompts[i / samples], i % samples, ids[place], logProbs[place], Version, ended[i], _tokenizer);
        }

        return all;
    }
}
