using Rudder.Checkpoints;
using Rudder.Engine.Sampling;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Rl;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>What every on-policy loop works with: policy, frozen reference, prompts, rewards, and the engine that draws.</summary>
internal sealed class OnPolicyRun : IDisposable
{
    private readonly OnPolicyRecipe _recipe;
    private readonly RunFolder _folder;
    private readonly RunRequest _request;
    private readonly TextTokenizer _tokenizer;
    private readonly string _temporary;
    private readonly int _longestPrompt;
    private IRolloutEngine? _engine;
    private SampleLog? _samples;
    private int[] _order = [];
    private int _orderedEpoch = -1;

    /// <summary>Loads everything but the engine, which starts with <see cref="StartEngine"/>.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="folder">The run folder.</param>
    /// <param name="request">Clock and stop signal.</param>
    public OnPolicyRun(OnPolicyRecipe recipe, RunFolder folder, RunRequest request)
    {
        // Only the first process writes into the run folder.
        string temporary = folder.Ranks.IsFirst ? folder.File("rollouts") : Directory.CreateTempSubdirectory("rudder-rollouts-").FullName;
        (_recipe, _folder, _request, _temporary) = (recipe, folder, request, temporary);
        if (recipe.Model is not string model || recipe.Architecture is not null)
        {
            throw new BadInputException("An on-policy run starts from a trained model: give model (its folder), and leave architecture out.");
        }

        Device device = ComputeDevice.Open(recipe.Device);
        Threads = ComputeDevice.UseThreads(recipe.Threads);
        TokenizerFolder = recipe.Tokenizer ?? model;
        _tokenizer = ModelSource.Tokenizer(TokenizerFolder, model);
        TokenizerFit.Require(_tokenizer, TokenizerFolder, ModelConfig.Load(model), model);
        try
        {
            Policy = ModelFolder.Load<ILanguageModel>(model, device, 0, recipe.UsesBf16);
            NamedParameters.FreezeBlocks(Policy, recipe.FreezeBlocks);
            Policy = ModelSource.Adapted(Policy, recipe, model);
            (Prompts, HeldOut) = ReadPrompts();
            _longestPrompt = Prompts.Concat(HeldOut).Max(prompt => prompt.Ids.Length);
            Reference = AdaptedLanguageModel.Base(Policy, recipe.Reference ?? model) ?? LoadFitting(recipe.Reference ?? model, "reference");
            Reference.eval();
            Rewards = new RewardSet(
                recipe.Rewards, TokenizerFolder, _longestPrompt + recipe.MaxNewTokens, Path.Combine(_temporary, "rewards"), Threads, request.Clock);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Compute threads of trainer, engine and rewards.</summary>
    public int Threads { get; }

    /// <summary>The processes that share each step.</summary>
    public Ranks Ranks => _folder.Ranks;

    /// <summary>The policy.</summary>
    public ILanguageModel Policy { get; }

    /// <summary>The frozen reference.</summary>
    public ILanguageModel Reference { get; }

    /// <summary>Prompts to train on.</summary>
    public IReadOnlyList<RolloutPrompt> Prompts { get; }

    /// <summary>Prompts to evaluate on; may be empty.</summary>
    public IReadOnlyList<RolloutPrompt> HeldOut { get; }

    /// <summary>The rewards.</summary>
    public RewardSet Rewards { get; }

    /// <summary>Folder of the tokenizer.</summary>
    public string TokenizerFolder { get; }

    /// <summary>Loads a further model that reads the completions, onto the policy's device and in its precision.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="key">The setting that names it, for messages.</param>
    /// <exception cref="BadInputException">Its vocabulary differs from the policy's, or its context is too short.</exception>
    public ILanguageModel LoadFitting(string folder, string key)
    {
        var config = ModelConfig.Load(folder);
        if (config.VocabularySize != Policy.Config.VocabularySize)
        {
            throw new BadInputException(
                $"{key} {folder} has a vocabulary of {config.VocabularySize}, the policy {Policy.Config.VocabularySize}. "
                + "Give a model of the policy's family.");
        }

        int longest = _longestPrompt + _recipe.MaxNewTokens;
        return config.Context >= longest
            ? ModelFolder.Load<ILanguageModel>(folder, Policy.Device, 0, Policy.Products.Bf16)
            : throw new BadInputException(
                $"{key} {folder} has a context of {config.Context} tokens, but prompt and completion have up to {longest}. "
                + "Give a model with a longer context, shorten the prompts, or lower max_new_tokens.");
    }

    /// <summary>Exports the policy at its current weights for the engine that draws.</summary>
    /// <param name="step">Optimizer steps that it has taken.</param>
    public void StartEngine(int step)
    {
        if (_recipe.Rollouts.Engine == "service")
        {
            BadInputException.Unless(
                Ranks.Count == 1,
                $"rollouts.engine is 'service', and {Ranks.Count} processes train together; each of them would load a policy of its own. "
                + "Train in one process, or choose 'in_process'.");
            _engine = new ServiceRollouts(_tokenizer, TokenizerFolder, _recipe, _folder.Path, _temporary, _request.Clock, _request.Stop);
            _engine.Update(Policy, step);
        }
        else
        {
            _engine = RolloutEngine.Start(
                Policy, _tokenizer, TokenizerFolder, _recipe, Path.Combine(_temporary, "policy"), Threads, _longestPrompt, step, Ranks);
        }

        _samples = new SampleLog(Ranks.IsFirst ? _folder.File("samples.jsonl") : null, _recipe.SampleEvery, step);
    }

    /// <summary>The prompts of some completions, for the message of a failed step.</summary>
    public static IEnumerable<string> PromptIds(IEnumerable<Rollout> rollouts) => rollouts.Select(rollout => rollout.Prompt.Id).Distinct();

    /// <summary>Draws the completions of the next step: a pure function of seed, step and weights.</summary>
    /// <param name="session">The progress; stops the run if a service that draws does not answer.</param>
    /// <param name="save">Saves a checkpoint.</param>
    public IReadOnlyList<Rollout> Draw(TrainingSession session, Action save)
    {
        TrainingState state = session.State;
        if (_orderedEpoch != state.Epoch)
        {
            _orderedEpoch = state.Epoch;
            _order = [.. Enumerable.Range(0, Prompts.Count)];
            EpochRandom.Of(_recipe.Seed, state.Epoch).Shuffle(_order);
        }

        OnPolicyBatchSettings sizes = _recipe.Sizes;
        RolloutPrompt[] prompts = [.. _order.Skip(state.Cursor * sizes.Prompts).Take(sizes.Prompts).Select(i => Prompts[i])];
        return Answered(() => _engine!.Draw(prompts, sizes.Samples, CounterRandom.Derive((ulong)_recipe.Seed, (uint)state.Step)), session, save);
    }

    /// <summary>Scores completions; each process scores its part. If a reward does not answer, the last finished step is saved and the run stops.</summary>
    /// <param name="rollouts">The completions.</param>
    /// <param name="session">Stops the run.</param>
    /// <param name="save">Saves a checkpoint.</param>
    public RewardScores Score(IReadOnlyList<Rollout> rollouts, TrainingSession session, Action save) =>
        Answered(() => Rewards.Score(Ranks.Part(rollouts), _request.Stop), session, save).Join(Ranks);

    /// <summary>Gives the engine the policy's new weights.</summary>
    /// <param name="step">Optimizer steps that the policy has taken.</param>
    public int UpdateEngine(int step)
    {
        _engine!.Update(Policy, step);
        return step;
    }

    /// <summary>Writes samples.jsonl if the step is due.</summary>
    public void LogSamples(int step, IReadOnlyList<Rollout> rollouts, RewardScores scores, RolloutStatistics statistics) =>
        _samples!.WriteIfDue(step, rollouts, scores, statistics.SequenceKl);

    /// <summary>Rewards and KL on the held-out prompts, one completion each, always drawn with the same seeds; empty without prompts.</summary>
    /// <param name="session">Stops the run if a reward does not answer.</param>
    /// <param name="save">Saves a checkpoint.</param>
    public IReadOnlyList<KeyValuePair<string, double>> Evaluate(TrainingSession session, Action save)
    {
        if (HeldOut.Count == 0)
        {
            return [];
        }

        ulong seed = ulong.MaxValue - (ulong)_recipe.Seed;
        List<Rollout> rollouts = [];
        foreach ((int i, RolloutPrompt[] prompts) in HeldOut.Chunk(_recipe.Sizes.Prompts).Index())
        {
            rollouts.AddRange(Answered(() => _engine!.Draw(prompts, 1, CounterRandom.Derive(seed, (uint)i)), session, save));
        }

        var statistics = new RolloutStatistics();
        foreach ((_, Rollout[] pass) in RolloutRows.Passes(Ranks, rollouts, 1, _recipe.Sizes.Sequences))
        {
            using var scope = NewDisposeScope();
            PreferenceTensors rows = RolloutRows.Tensors(pass, Policy.Device);
            statistics.Add(pass, rows, TokenScores.Frozen(Policy, rows), TokenScores.Frozen(Reference, rows));
        }

        statistics.Join(Ranks, rollouts);
        return [.. Score(rollouts, session, save).Metrics(), .. statistics.Metrics()];
    }

    /// <summary>Writes the model folder.</summary>
    /// <param name="session">The finished session.</param>
    /// <param name="save">Saves a checkpoint.</param>
    /// <returns>The final metrics.</returns>
    public IReadOnlyDictionary<string, object> Finish(TrainingSession session, Action save)
    {
        IReadOnlyList<KeyValuePair<string, double>> evaluation = session.FinalEvaluation(() => Evaluate(session, save));
        KeyValuePair<string, double>[] final =
        [
            .. session.LastTraining.Select(value => KeyValuePair.Create("train/" + value.Key, value.Value)),
            .. evaluation.Select(value => KeyValuePair.Create("eval/" + value.Key, value.Value)),
        ];
        return FinishedRun.Write(_folder, _request, _recipe, session, final, folder =>
            ModelSource.Save(Policy, folder, TokenizerFolder, _recipe));
    }

    public void Dispose()
    {
        _engine?.Dispose();
        Rewards?.Dispose(); // null where the constructor failed before it
        Reference?.Dispose();
        Policy?.Dispose();
        if (Directory.Exists(_temporary))
        {
            Directory.Delete(_temporary, recursive: true);
        }
    }

    /// <summary>Asks something that may lie outside this process. If it does not answer, the last finished step is saved and the run stops.</summary>
    private T Answered<T>(Func<T> ask, TrainingSession session, Action save)
    {
        T? answer = default;
        UnavailableException? away = null;
        try
        {
            answer = ask();
        }
        catch (UnavailableException own)
        {
            away = own;
        }

        string? problem = Ranks.Gather(away?.Message ?? string.Empty).FirstOrDefault(text => text.Length > 0);
        return problem is null ? answer! : throw session.Suspended(away ?? new UnavailableException(problem), save);
    }

    private (IReadOnlyList<RolloutPrompt> Training, IReadOnlyList<RolloutPrompt> HeldOut) ReadPrompts()
    {
        IReadOnlyList<RolloutPrompt> all = PromptReading.Read(_recipe.Prompts, _tokenizer, Policy.Config.Context - _recipe.MaxNewTokens);
        int held = _recipe.Prompts.HeldOut;
        if (all.Count == 0 || (held > 0 && held * 2 > all.Count))
        {
            throw new BadInputException(
                $"prompts gives {all.Count} prompts, and prompts.held_out is {held}; give at least one prompt, and hold out at most half of them.");
        }

        HashSet<int> chosen = [.. Enumerable.Range(0, held).Select(i => (int)((long)i * all.Count / held))];
        RolloutPrompt[] training = [.. all.Where((_, i) => !chosen.Contains(i))];
        _request.Progress.WriteLine($"{training.Length} prompts to learn from, {held} held out");
        return (training, [.. all.Where((_, i) => chosen.Contains(i))]);
    }
}
