using Rudder.Inference.V1;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>Answers of an idle service to every known request, by fingerprint. Later answers are compared with them.</summary>
internal sealed class KnownAnswers
{
    // Scores come out of batches of other widths than the quiet one's: the same sums in another order.
    private const double Tolerance = 1e-3;
    private readonly Dictionary<(string Fingerprint, int Number), int[][]> _samples = new();
    private readonly Dictionary<(string Fingerprint, int Number), float[]> _logProbs = new();
    private readonly Dictionary<int, float[]> _probabilities = new();
    private readonly Dictionary<int, (double Exact, double K1)> _divergences = new();
    private string _policy = "", _reference = "", _classifier = "";

    private KnownAnswers(KnownRequests requests) => Requests = requests;

    /// <summary>The requests.</summary>
    public KnownRequests Requests { get; }

    /// <summary>Asks each request once, one after another.</summary>
    public static async Task<KnownAnswers> AskAsync(LoadService service, LoadModels models, int count)
    {
        var known = new KnownAnswers(new KnownRequests(models, count));
        for (int number = 0; number < count; number++)
        {
            known._policy = await known.AskGeneratorAsync(service, LoadModels.Policy, number);
            known._reference = await known.AskGeneratorAsync(service, LoadModels.Reference, number);
            var classified = await service.Scoring.ClassifyAsync(known.Requests.Classify(number));
            known._classifier = classified.Fingerprint;
            known._probabilities[number] = [.. classified.Results[0].Probabilities];
            var divergence = (await service.Scoring.DivergenceAsync(known.Requests.Divergence(number))).Results[0];
            known._divergences[number] = (divergence.KlSeqExact, divergence.KlSeqK1);
        }

        known.RequireTellingApart();
        return known;
    }

    /// <summary>Compares completions.</summary>
    /// <param name="model">The name asked for.</param>
    /// <param name="number">The request's number.</param>
    /// <param name="fingerprint">What the reply says who answered.</param>
    /// <param name="ids">Ids of each completion.</param>
    /// <returns>What is wrong; null where nothing is.</returns>
    public string? FaultOfSamples(string model, int number, string fingerprint, IReadOnlyList<IReadOnlyList<int>> ids)
    {
        if (!MayAnswer(model, fingerprint))
        {
            return $"'{model}' answered with fingerprint {fingerprint}";
        }

        int[][] expected = _samples[(fingerprint, number % Requests.Count)];
        return ids.Count == expected.Length && ids.Zip(expected).All(pair => pair.First.SequenceEqual(pair.Second))
            ? null
            : $"'{model}' gave other ids for request {number % Requests.Count} than when it was quiet";
    }

    /// <summary>Compares log-probs.</summary>
    public string? FaultOf(int number, LogProbsResponse response) =>
        !MayAnswer(LoadModels.Policy, response.Fingerprint) ? $"log-probs carry fingerprint {response.Fingerprint}"
        : Near(response.Results[0].TokenLogProbs, _logProbs[(response.Fingerprint, number % Requests.Count)]) ? null
        : $"log-probs of request {number % Requests.Count} differ from the quiet ones";

    /// <summary>Compares probabilities.</summary>
    public string? FaultOf(int number, ClassifyResponse response) =>
        response.Fingerprint != _classifier ? $"a classification carries fingerprint {response.Fingerprint}"
        : Near(response.Results[0].Probabilities, _probabilities[number % Requests.Count]) ? null
        : $"probabilities of request {number % Requests.Count} differ from the quiet ones";

    /// <summary>Compares a divergence.</summary>
    public string? FaultOf(int number, DivergenceResponse response)
    {
        if ((response.ModelFingerprint, response.ReferenceFingerprint) != (_policy, _reference))
        {
            return $"a divergence carries fingerprints {response.ModelFingerprint} and {response.ReferenceFingerprint}";
        }

        var (exact, k1) = _divergences[number % Requests.Count];
        var result = response.Results[0];
        return Near(result.KlSeqExact, exact) && Near(result.KlSeqK1, k1) ? null : $"divergence of request {number % Requests.Count} differs from the quiet one";
    }

    private async Task<string> AskGeneratorAsync(LoadService service, string model, int number)
    {
        var sampled = await service.Sampling.SampleAsync(Requests.Sample(model, number));
        var scored = await service.Scoring.LogProbsAsync(Requests.LogProbs(model, number));
        _samples[(sampled.Fingerprint, number)] = [.. sampled.Completions.Select(completion => completion.Ids.ToArray())];
        _logProbs[(scored.Fingerprint, number)] = [.. scored.Results[0].TokenLogProbs];
        return sampled.Fingerprint;
    }

    // Answers of two models that are alike would hide a mix-up.
    private void RequireTellingApart()
    {
        Assert.NotEqual(_policy, _reference);
        for (int number = 0; number < Requests.Count; number++)
        {
            var pairs = _samples[(_policy, number)].Zip(_samples[(_reference, number)]);
            Assert.False(pairs.All(pair => pair.First.SequenceEqual(pair.Second)), $"request {number} has the same answer under policy and reference");
        }
    }

    private bool MayAnswer(string model, string fingerprint) => model switch
    {
        LoadModels.Policy => fingerprint == _policy,
        LoadModels.Reference => fingerprint == _reference,
        _ => fingerprint == _policy || fingerprint == _reference,
    };

    private static bool Near(IReadOnlyList<float> values, float[] expected) =>
        values.Count == expected.Length && values.Zip(expected).All(pair => Near(pair.First, pair.Second));

    private static bool Near(double value, double expected) => Math.Abs(value - expected) <= Tolerance * Math.Max(1, Math.Abs(expected));
}
