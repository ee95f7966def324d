using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.FakeService;

/// <summary>Scripted answers that depend on the request alone: a token is a byte, everything else comes from hashes.</summary>
internal static class FakeModels
{
    public const string Policy = "policy";
    public const string Reference = "reference";
    public const string Classifier = "classifier";
    public const string RewardModel = "reward-model";

    public static ModelInfo[] List { get; } =
    [
        new()
        {
            Name = Policy,
            Kind = ModelKind.Generator,
            Precision = Precision.Fp32,
            Fingerprint = "f-policy",
            HasTokenizer = true,
            Vocabulary = 256,
            Context = 128,
        },
        new()
        {
            Name = Reference,
            Kind = ModelKind.Generator,
            Precision = Precision.Fp32,
            Fingerprint = "f-reference",
            HasTokenizer = true,
            Vocabulary = 256,
            Context = 128,
        },
        new()
        {
            Name = Classifier,
            Kind = ModelKind.Classifier,
            Precision = Precision.Fp32,
            Fingerprint = "f-classifier",
            HasTokenizer = true,
            Labels = { "NEGATIVE", "POSITIVE" },
        },
    ];

    public static IEnumerable<int> Encode(string text) => Encoding.UTF8.GetBytes(text).Select(b => (int)b);

    public static string Decode(IEnumerable<int> ids) => Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]);

    /// <summary>Letters drawn from the prompt's seed and the sample index; shorter than the limit means it ended by itself.</summary>
    public static Completion Complete(SampleRequest request, int prompt, int sample)
    {
        Prompt asked = request.Prompts[prompt];
        int length = 1 + (int)(Hash($"{asked.Seed}/{sample}/length") % (uint)request.Settings.MaxNewTokens);
        int[] ids = [.. Enumerable.Range(0, length).Select(i => 'a' + (int)(Hash($"{asked.Seed}/{sample}/{i}") % 26))];
        return new Completion
        {
            PromptIndex = prompt,
            SampleIndex = sample,
            Ids = { ids },
            PromptIds = { asked.Ids.Ids },
            Text = Decode(ids),
            SumLogProb = -length,
            Seed = asked.Seed,
            FinishReason = length < request.Settings.MaxNewTokens ? FinishReason.Stop : FinishReason.Length,
        };
    }

    /// <summary>One of five values, so that ties happen.</summary>
    public static double Positive(string text) => (Hash(text) % 5) / 4.0;

    /// <summary>Score of a reward model: the length of the text.</summary>
    public static float Score(string text) => text.Length;

    public static SequenceDivergence Diverge(Sequence sequence)
    {
        double value = (Hash(string.Join(',', sequence.CompletionIds)) % 1000) / 100.0;
        return new SequenceDivergence
        {
            KlSeqExact = value,
            KlSeqK1 = value - 1,
            Tokens = sequence.CompletionIds.Count,
            ModelLogProb = -sequence.CompletionIds.Sum(),
            ReferenceLogProb = -100 * sequence.CompletionIds.Count,
        };
    }

    public static RpcException NotFound(string model) => new(new Status(StatusCode.NotFound, $"model '{model}' is not loaded"));

    private static uint Hash(string text) => BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
