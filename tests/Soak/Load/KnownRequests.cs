using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>The requests of a load test, each a function of its number; every one is asked again and again.</summary>
internal sealed class KnownRequests(LoadModels models, int count)
{
    /// <summary>Completions of one Sample request.</summary>
    public const int Samples = 4;

    /// <summary>Tokens drawn at most for each.</summary>
    public const int NewTokens = 48;

    private const int PromptTokens = 8;
    private const int ScoredTokens = 24;
    private const int ClassifiedTokens = 40;
    private const int FirstOrdinaryId = 5;                   // after a RoBERTa's special tokens

    /// <summary>How many different ones there are.</summary>
    public int Count => count;

    /// <summary>Completions under a generator.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="number">Any number; those equal modulo <see cref="Count"/> are one request.</param>
    /// <param name="samples">Completions.</param>
    public SampleRequest Sample(string model, int number, int samples = Samples) => new()
    {
        Model = model,
        Prompts = { Golden.Prompt(Ids(number, PromptTokens, 0, models.Vocabulary - 1)) },
        N = samples,
        Settings = new SamplerSettings { MaxNewTokens = NewTokens, Seed = (uint)(number % count) },
    };

    /// <summary>A sequence under a generator.</summary>
    public LogProbsRequest LogProbs(string model, int number) => new() { Model = model, Sequences = { Scored(number) } };

    /// <summary>A sequence under policy and reference.</summary>
    public DivergenceRequest Divergence(int number) =>
        new() { Model = LoadModels.Policy, Reference = LoadModels.Reference, Sequences = { Scored(number) } };

    /// <summary>A text's ids for the classifier.</summary>
    public ClassifyRequest Classify(int number) => new()
    {
        Model = LoadModels.Classifier,
        Inputs =
        {
            new ClassifyInput { Ids = new TokenIds { Ids = { Ids(number, ClassifiedTokens, FirstOrdinaryId, models.ClassifierVocabulary) } } },
        },
    };

    private Sequence Scored(int number) => new()
    {
        PromptIds = { Ids(number, PromptTokens, 0, models.Vocabulary - 1) },
        CompletionIds = { Ids(number, ScoredTokens, 0, models.Vocabulary - 1) },
    };

    private int[] Ids(int number, int length, int first, int end)
    {
        var random = new Random(number % count);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(first, end))];
    }
}
