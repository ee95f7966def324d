using System.Text.Json;
using Rudder.Inference.V1;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Numbers that Hugging Face's code gave for the tiny models.</summary>
internal static class Golden
{
    private static readonly JsonElement Gpt2 = Read("tiny-gpt2");
    private static readonly JsonElement Roberta = Read("tiny-roberta");

    /// <summary>Prompts of tiny-gpt2, 17 ids each.</summary>
    public static int[][] InputIds { get; } = Ids(Gpt2.GetProperty("input_ids"));

    /// <summary>log p of ids 1 to 16 of each prompt given those before.</summary>
    public static double[][] TokenLogProbs { get; } = Numbers(Gpt2.GetProperty("token_log_probs"));

    /// <summary>Five ids of a prompt and the 20 most probable after them.</summary>
    public static int[][] Greedy { get; } = Ids(Gpt2.GetProperty("greedy_from_first_5_plus_20"));

    /// <summary>Texts of tiny-roberta, special tokens included.</summary>
    public static int[][] ClassifierIds { get; } = Ids(Roberta.GetProperty("input_ids_unpadded"));

    /// <summary>Probabilities of NEGATIVE and POSITIVE.</summary>
    public static double[][] Probabilities { get; } = Numbers(Roberta.GetProperty("probabilities"));

    /// <summary>A prompt as ids.</summary>
    public static Prompt Prompt(params int[] ids) => new() { Ids = new TokenIds { Ids = { ids } } };

    private static int[][] Ids(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];

    private static double[][] Numbers(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetDouble()).ToArray())];

    private static JsonElement Read(string fixture) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(SharedFolder.Root, "tests", "Fixtures", fixture, "expected.json"))).RootElement;
}
