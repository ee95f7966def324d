using System.Text;
using Google.Protobuf.Collections;
using Rudder.Client.Rpc;
using Rudder.Datasets;
using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Client.Pairs;

/// <summary>Turns pairs of texts into preference pairs: the service's tokenizer gives the ids of each prompt and completion.</summary>
internal static class TextPairs
{
    /// <summary>Writes the file, atomically.</summary>
    /// <param name="client">Service that holds the model.</param>
    /// <param name="model">Model whose tokenizer is used.</param>
    /// <param name="texts">The pairs.</param>
    /// <param name="output">File of JSON lines.</param>
    /// <param name="cancel">Stops between calls.</param>
    /// <returns>Pairs written.</returns>
    /// <remarks>A text ends where its writer stopped, so each completion ends with the end-of-text token where the model has one.</remarks>
    public static async Task<int> WriteAsync(
        InferenceClient client,
        string model,
        PairTexts texts,
        string output,
        CancellationToken cancel)
    {
        ModelInfo policy = await client.FindModelAsync(model, ModelKind.Generator, cancel);
        IReadOnlyList<(string Id, string Prompt, string Chosen, string Rejected)> rows = texts.Read();
        IReadOnlyList<TokenIds> encoded = await InputChunks.AskAsync<string, TokenIds>(
            "Models.Encode",
            rows.SelectMany(row => (string[])[row.Prompt, row.Chosen, row.Rejected]),
            Encoding.UTF8.GetByteCount,
            async chunk => (await client.EncodeAsync(new EncodeRequest { Model = model, Texts = { chunk } }, cancel)).Results);
        RepeatedField<int>[] ids = [.. encoded.Select(result => result.Ids)];
        int[] end = policy.HasEosId ? [policy.EosId] : [];
        PreferencePair[] pairs =
        [
            .. rows
                .Select((row, i) => Pair(row, ids[3 * i], [.. ids[(3 * i) + 1], .. end], [.. ids[(3 * i) + 2], .. end]))
                .Where(pair => pair.PromptIds.Count > 0 && !pair.ChosenSample.Ids.Equals(pair.RejectedSample.Ids)),
        ];
        PreferencePairs.Write(output, pairs);
        return pairs.Length;
    }

    private static PreferencePair Pair(
        (string Id, string Prompt, string Chosen, string Rejected) row,
        IEnumerable<int> prompt,
        int[] chosen,
        int[] rejected) =>
        new()
        {
            PromptId = row.Id,
            Prompt = row.Prompt,
            PromptIds = { prompt },
            Chosen = row.Chosen,
            Rejected = row.Rejected,
            ChosenSample = new Scored { SampleIndex = 0, Ids = { chosen }, Score = 1 },
            RejectedSample = new Scored { SampleIndex = 1, Ids = { rejected } },
        };
}
