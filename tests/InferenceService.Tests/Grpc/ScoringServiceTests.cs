using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class ScoringServiceTests(SharedService shared)
{
    private const int Vocabulary = 512;
    private readonly RunningService _service = shared.Service;

    [Fact]
    public async Task LogProbs_GoldenSequences_GiveTheGoldenNumbers()
    {
        var reply = await _service.Scoring.LogProbsAsync(new LogProbsRequest
        {
            Model = SharedService.Ids,
            Sequences = { Golden.InputIds.Select(ids => new Sequence { PromptIds = { ids[0] }, CompletionIds = { ids[1..] } }) },
        });

        for (int row = 0; row < Golden.InputIds.Length; row++)
        {
            Assert.Equal(Golden.TokenLogProbs[row].Length, reply.Results[row].TokenLogProbs.Count);
            Assert.All(Golden.TokenLogProbs[row].Zip(reply.Results[row].TokenLogProbs), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
            Assert.Equal(Golden.TokenLogProbs[row].Sum(), reply.Results[row].Sum, 1e-3); // 16 terms of 1e-4 at most
        }
    }

    [Fact]
    public async Task LogProbs_LongerPrompt_ScoresTheSameTail()
    {
        int[] ids = Golden.InputIds[2];
        var reply = await _service.Scoring.LogProbsAsync(new LogProbsRequest
        {
            Model = SharedService.Ids,
            Sequences = { new Sequence { PromptIds = { ids[..10] }, CompletionIds = { ids[10..] } } },
        });

        Assert.All(Golden.TokenLogProbs[2][9..].Zip(reply.Results[0].TokenLogProbs), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Fact]
    public async Task Classify_GoldenIds_GiveTheGoldenProbabilities()
    {
        var reply = await _service.Scoring.ClassifyAsync(new ClassifyRequest
        {
            Model = SharedService.ClassifierIds,
            Inputs = { Golden.ClassifierIds.Select(ids => new ClassifyInput { Ids = new TokenIds { Ids = { ids } } }) },
        });

        Assert.Equal(["NEGATIVE", "POSITIVE"], reply.Labels);
        for (int row = 0; row < Golden.Probabilities.Length; row++)
        {
            Assert.Equal(1, reply.Results[row].Windows);
            Assert.All(Golden.Probabilities[row].Zip(reply.Results[row].Probabilities), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        }
    }

    [Fact]
    public async Task Classify_ShortText_EqualsItsIdsBetweenSpecialTokens()
    {
        const string text = "a stand-in for a package";
        var ids = (await _service.Models.EncodeAsync(new EncodeRequest { Model = SharedService.ClassifierText, Texts = { text } })).Results[0].Ids;
        var reply = await _service.Scoring.ClassifyAsync(new ClassifyRequest
        {
            Model = SharedService.ClassifierText,
            Inputs = { new ClassifyInput { Text = text }, new ClassifyInput { Ids = new TokenIds { Ids = { 0, ids, 2 } } } },
        });

        Assert.All(reply.Results[0].Probabilities.Zip(reply.Results[1].Probabilities), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public async Task Classify_TextLongerThanTheContext_IsTheMeanOfItsWindows()
    {
        string text = string.Concat(Enumerable.Range(0, 40).Select(i => $"package {i} lies in a folder; "));
        var ids = (await _service.Models.EncodeAsync(new EncodeRequest { Model = SharedService.ClassifierText, Texts = { text } })).Results[0].Ids;

        // Context 64: 62 ids of text and two special tokens a window.
        var windows = ids.Chunk(62).Select(chunk => new ClassifyInput { Ids = new TokenIds { Ids = { 0, chunk, 2 } } }).ToList();
        var request = new ClassifyRequest { Model = SharedService.ClassifierText, Inputs = { new ClassifyInput { Text = text }, windows } };
        var reply = await _service.Scoring.ClassifyAsync(request);

        Assert.True(windows.Count > 2);
        Assert.Equal(windows.Count, reply.Results[0].Windows);
        Assert.Equal(Precision.Fp32, reply.Precision);
        double mean = reply.Results.Skip(1).Average(result => (double)result.Probabilities[1]);
        Assert.Equal(mean, reply.Results[0].Probabilities[1], 1e-5);
    }

    [Fact]
    public async Task Divergence_OfAModelWithItself_IsZero()
    {
        var reply = await _service.Scoring.DivergenceAsync(Divergence(SharedService.Ids, SharedService.Ids));

        Assert.All(reply.Results, result => Assert.Equal(0, result.KlSeqExact, 1e-9));
        Assert.All(reply.Results, result => Assert.Equal(0, result.KlSeqK1, 1e-9));
        Assert.Equal(reply.ModelFingerprint, reply.ReferenceFingerprint);
        Assert.Equal((Precision.Fp32, Precision.Fp32), (reply.ModelPrecision, reply.ReferencePrecision));
    }

    [Fact]
    public async Task Divergence_OfAPerturbedCopy_EqualsTheSumOverTheWholeVocabulary()
    {
        var reply = await _service.Scoring.DivergenceAsync(Divergence(SharedService.Perturbed, SharedService.Ids));

        for (int row = 0; row < reply.Results.Count; row++)
        {
            int[] ids = Golden.InputIds[row][..8];
            var (exact, k1, policy, reference) = (0.0, 0.0, 0.0, 0.0);
            for (int t = 4; t < ids.Length; t++)
            {
                double[] p = await NextTokenLogProbs(SharedService.Perturbed, ids[..t]);
                double[] q = await NextTokenLogProbs(SharedService.Ids, ids[..t]);
                exact += p.Zip(q, (logP, logQ) => Math.Exp(logP) * (logP - logQ)).Sum();
                policy += p[ids[t]];
                reference += q[ids[t]];
            }

            k1 = policy - reference;
            var result = reply.Results[row];
            Assert.True(exact > 0.01, $"the perturbation is too small to show: {exact}");

            // Sums over 4 positions of differences of fp32 log-probs.
            Assert.Equal(exact, result.KlSeqExact, 1e-4);
            Assert.Equal(k1, result.KlSeqK1, 1e-4);
            Assert.Equal(policy, result.ModelLogProb, 1e-4);
            Assert.Equal(reference, result.ReferenceLogProb, 1e-4);
            Assert.Equal(4, result.Tokens);
        }
    }

    /// <summary>log p of every id after a prompt: each id scored as a completion of its own.</summary>
    private async Task<double[]> NextTokenLogProbs(string model, int[] prompt)
    {
        var request = new LogProbsRequest { Model = model };
        request.Sequences.AddRange(Enumerable.Range(0, Vocabulary).Select(id => new Sequence { PromptIds = { prompt }, CompletionIds = { id } }));
        return [.. (await _service.Scoring.LogProbsAsync(request)).Results.Select(result => result.Sum)];
    }

    private static DivergenceRequest Divergence(string model, string reference) => new()
    {
        Model = model,
        Reference = reference,
        Sequences = { Golden.InputIds.Select(ids => new Sequence { PromptIds = { ids[..4] }, CompletionIds = { ids[4..8] } }) },
    };
}
