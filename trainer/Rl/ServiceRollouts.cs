using System.Text.RegularExpressions;
using Grpc.Core;
using Rudder.Checkpoints;
using Rudder.Engine.Sampling;
using Rudder.Inference.V1;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Export;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Rl;

/// <summary>Draws completions through a running inference service, which loads each new policy from the run folder.</summary>
/// <remarks>
/// An update writes the policy as a model folder with float32 graphs, under a temporary name first. The next draw loads it under the one name of
/// this run. A loaded model has caches of its own, and every reply carries its model's fingerprint, so neither cached keys nor prefixes cross
/// policy versions. Fp32 sampling depends only on weights, prompt and seed: the completions are those of <see cref="RolloutEngine"/>.
/// </remarks>
internal sealed partial class ServiceRollouts : IRolloutEngine
{
    private const int MaxPrompts = 1024, MaxSequences = 2048; // the service's default limits of one call
    private const int LongestName = 128;
    private const string Suffix = "-policy";
    private readonly ServiceConnection _service;
    private readonly Sampling.SamplingClient _sampling;
    private readonly Inference.V1.Models.ModelsClient _models;
    private readonly string _name;
    private readonly TextTokenizer _tokenizer;
    private readonly string _tokenizerFolder;
    private readonly SamplerSettings _settings;
    private readonly string _folder;
    private readonly CancellationToken _stop;
    private string _policy = string.Empty;                  // the newest model folder
    private string _fingerprint = string.Empty;
    private bool _isLoaded, _everLoaded;
    private int _version;

    /// <summary>Opens the service; nothing is written or sent yet.</summary>
    /// <param name="tokenizer">The policy's tokenizer.</param>
    /// <param name="tokenizerFolder">Folder of the tokenizer.</param>
    /// <param name="recipe">Service, sampling and length.</param>
    /// <param name="run">The run folder. Its name becomes part of the model's name.</param>
    /// <param name="folder">Folder in the run folder for the policies; removed by the caller.</param>
    /// <param name="time">Clock of deadlines and retries.</param>
    /// <param name="stop">Ends retries.</param>
    /// <exception cref="BadInputException">The API key cannot be read.</exception>
    public ServiceRollouts(
        TextTokenizer tokenizer, string tokenizerFolder, OnPolicyRecipe recipe, string run, string folder, TimeProvider time, CancellationToken stop)
    {
        RolloutSettings settings = recipe.Rollouts;
        _service = new ServiceConnection(
            new Uri(settings.Service!), settings.ApiKeyFile, TimeSpan.FromSeconds(settings.TimeoutSeconds ?? 600), settings.Retries ?? 5, time);
        (_tokenizer, _tokenizerFolder, _folder, _stop) = (tokenizer, tokenizerFolder, Path.GetFullPath(folder), stop);
        (_sampling, _models) = (new(_service.Calls), new(_service.Calls));
        _name = NameOf(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run))));
        _settings = new SamplerSettings
        {
            Temperature = (float)recipe.Sampling.Temperature,
            TopK = recipe.Sampling.TopK,
            TopP = (float)recipe.Sampling.TopP,
            MinP = (float)recipe.Sampling.MinP,
            MaxNewTokens = recipe.MaxNewTokens,
        };
    }

    /// <summary>The model's name in the service: letters, digits, '.', '-' and '_' of the run folder's name, and "-policy".</summary>
    internal static string NameOf(string run)
    {
        string legal = Illegal().Replace(run, "-").TrimStart('.', '-', '_');
        return (legal.Length == 0 ? "run" : legal[..Math.Min(legal.Length, LongestName - Suffix.Length)]) + Suffix;
    }

    public IReadOnlyList<Rollout> Draw(IReadOnlyList<RolloutPrompt> prompts, int samples, ulong seed)
    {
        if (!_isLoaded)
        {
            Load();
        }

        // The seed of each prompt is the one that the engine derives for it, so that several calls draw the same as one.
        int size = Math.Min(MaxPrompts, Math.Max(1, MaxSequences / samples));
        return
        [
            .. ServiceConnection.Parts(prompts.Index(), size, prompt => 5 * prompt.Item.Ids.Length).SelectMany(part =>
            {
                var request = new SampleRequest { Model = _name, N = samples, Settings = _settings, Logprobs = true };
                request.Prompts.AddRange(part.Select(prompt => new Prompt
                {
                    Ids = new TokenIds { Ids = { prompt.Item.Ids } },
                    Seed = CounterRandom.Derive(seed, (uint)prompt.Index),
                }));
                return Completions([.. part.Select(prompt => prompt.Item)], samples, Sample(request));
            }),
        ];
    }

    /// <summary>Writes the policy as a model folder. The next draw loads it.</summary>
    public void Update(ILanguageModel policy, int version)
    {
        string final = Path.Combine(_folder, FormattableString.Invariant($"policy-{version}")), temporary = final + ".tmp";
        Delete(temporary);
        ModelFolder.Save(policy, temporary, _tokenizerFolder, WeightType.F32);
        ModelExport.WriteUnchecked(temporary);
        Delete(final);
        Directory.Move(temporary, final);
        (_policy, _fingerprint, _version, _isLoaded) = (final, Fingerprint.OfFolder(final), version, false);
    }

    public void Dispose()
    {
        if (_everLoaded)
        {
            _service.TryCall(options => _models.UnloadAsync(new UnloadModelRequest { Name = _name }, options));
        }

        _service.Dispose();
    }

    private void Load()
    {
        var request = new LoadModelRequest { Name = _name, Path = _policy, Engine = Inference.V1.Engine.Slots, Precision = Precision.Fp32 };
        try
        {
            RequirePolicy(_service.Call(options => _models.LoadAsync(request, options), _stop).Model.Fingerprint);
        }
        catch (RpcException refused)
        {
            throw Refused($"refuses to load {_policy}", refused, refused.StatusCode switch
            {
                StatusCode.Unauthenticated or StatusCode.PermissionDenied =>
                    "Each new policy is loaded into the service, which needs an admin's API key: give its file as rollouts.api_key_file.",
                StatusCode.InvalidArgument or StatusCode.NotFound =>
                    "The run folder must lie inside one of the service's Service:ModelRoots (default: models and runs in its current folder), "
                    + "under the same path. Give --output a folder there, or start the service with such a root.",
                _ => "Read the service's log.",
            });
        }

        (_isLoaded, _everLoaded) = (true, true);
        foreach (string old in Directory.GetDirectories(_folder, "policy-*").Where(folder => folder != _policy))
        {
            DeleteUnlessOpen(old);
        }
    }

    private SampleResponse Sample(SampleRequest request)
    {
        try
        {
            try
            {
                return SampleOnce(request);
            }
            catch (RpcException forgotten) when (forgotten.StatusCode == StatusCode.NotFound)
            {
                Load(); // the service was started anew
                return SampleOnce(request);
            }
        }
        catch (RpcException refused)
        {
            throw Refused($"refuses to sample from '{_name}'", refused, "docs/service.md lists its limits.");
        }
    }

    private SampleResponse SampleOnce(SampleRequest request)
    {
        SampleResponse response = _service.Call(options => _sampling.SampleAsync(request, options), _stop);
        RequirePolicy(response.Fingerprint);
        return response;
    }

    /// <summary>Requires that the service answered with the policy's newest weights.</summary>
    /// <exception cref="WorkFailedException">It answered with other ones.</exception>
    private void RequirePolicy(string fingerprint)
    {
        if (fingerprint != _fingerprint)
        {
            throw new WorkFailedException(
                $"The service at {_service.Address} has model {fingerprint} under '{_name}'; the policy after step {_version} is {_fingerprint}. "
                + "Another program likely loads models under this name. The last checkpoint is kept; resume once that has stopped.");
        }
    }

    private IEnumerable<Rollout> Completions(RolloutPrompt[] prompts, int samples, SampleResponse response)
    {
        bool isComplete = response.Completions.Count == prompts.Length * samples && response.Completions.Index().All(drawn =>
            drawn.Item.PromptIndex == drawn.Index / samples && drawn.Item.SampleIndex == drawn.Index % samples
            && drawn.Item.Ids.Count > 0 && drawn.Item.Ids.Count == drawn.Item.TokenLogProbs.Count);
        return isComplete
            ? response.Completions.Select(drawn => Rollout.Of(
                prompts[drawn.PromptIndex],
                drawn.SampleIndex,
                [.. drawn.Ids],
                [.. drawn.TokenLogProbs],
                _version,
                drawn.FinishReason == FinishReason.Stop,
                _tokenizer))
            : throw new WorkFailedException(
                $"The service at {_service.Address} answered {response.Completions.Count} completions, some without ids or log-probs, "
                + $"where {prompts.Length * samples} were asked for. Use a service of this trainer's version.");
    }

    private BadInputException Refused(string what, RpcException refused, string remedy) =>
        new($"The service at {_service.Address} {what} ({refused.StatusCode}, {refused.Status.Detail}). {remedy}", refused);

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Windows keeps files that the service still has open; they are deleted after the next load.</summary>
    private static void DeleteUnlessOpen(string folder)
    {
        try
        {
            Delete(folder);
        }
        catch (Exception open) when (OperatingSystem.IsWindows() && open is IOException or UnauthorizedAccessException)
        {
        }
    }

    [GeneratedRegex("[^A-Za-z0-9._-]")]
    private static partial Regex Illegal();
}
