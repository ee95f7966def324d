using System.Text;
using Rudder.Client.Rpc;
using Rudder.Datasets;
using Rudder.Inference.V1;

namespace Rudder.Client.Pairs;

/// <summary>
/// Turns source texts into prompts: the service's tokenizer gives the ids, the first k are kept (k from the text's id, see
/// <see cref="PromptCut.Length"/>), and the prompt's text is the decoding of exactly those ids.
/// </summary>
internal static class PromptCutter
{
    private const int TextsPerCall = 128;
    private const char Broken = '\uFFFD';

    /// <summary>The first <paramref name="source"/>.Take usable prompts.</summary>
    public static async Task<IReadOnlyList<CutPrompt>> CutAsync(
        InferenceClient client,
        string model,
        PromptSource source,
        CancellationToken cancel)
    {
        List<CutPrompt> prompts = [];
        HashSet<string> ids = [];
        foreach ((string Id, string Text)[] block in source.Read().Chunk(TextsPerCall))
        {
            foreach (CutPrompt prompt in await CutBlockAsync(client, model, block, source, cancel))
            {
                prompts.Add(
                    ids.Add(prompt.Id)
                        ? prompt
                        : throw new BadInputException($"{source.File} has two texts with the id '{prompt.Id}'; ids must be distinct."));
                if (prompts.Count == source.Take)
                {
                    return prompts;
                }
            }
        }

        return source.Take == 0 && prompts.Count > 0
            ? prompts
            : throw new BadInputException(
                $"{source.File} gives {prompts.Count} usable prompts; {Math.Max(source.Take, 1)} are wanted. Lower the count or widen the range."
            );
    }

    private static async Task<IEnumerable<CutPrompt>> CutBlockAsync(
        InferenceClient client,
        string model,
        (string Id, string Text)[] block,
        PromptSource source,
        CancellationToken cancel)
    {
        CutRange? cut = source.Cut;
        async Task<IReadOnlyList<TokenIds>> EncodeAsync(string[] texts) =>
            (await client.EncodeAsync(new EncodeRequest { Model = model, Texts = { texts } }, cancel)).Results;
        IEnumerable<string> starts = block.Select(row => cut is null ? row.Text : PromptCut.Opening(row.Text, cut.Max));
        IReadOnlyList<TokenIds> encoded = await InputChunks.AskAsync("Models.Encode", starts, Encoding.UTF8.GetByteCount, EncodeAsync);
        var rows = block.Zip(encoded, (row, ids) => (row.Id, row.Text, Ids: ids.Ids.ToArray()));
        if (cut is null)
        {
            int most = source.MaxTokens == 0 ? int.MaxValue : source.MaxTokens;
            return rows.Where(row => row.Ids.Length > 0 && row.Ids.Length <= most).Select(row => new CutPrompt(row.Id, row.Text, row.Ids));
        }

        List<(string Id, string Text, int[] Ids)> kept =
        [
            .. rows.Where(row => row.Ids.Length >= cut.Min)
                .Select(row => (row.Id, row.Text, row.Ids[..Math.Min(row.Ids.Length, PromptCut.Length(row.Id, cut.Min, cut.Max))])),
        ];
        IReadOnlyList<string> decoded = await DecodeAsync(client, model, kept.Select(row => row.Ids), cancel);
        List<CutPrompt> prompts = [];
        for (int i = 0; i < kept.Count; i++)
        {
            (string id, string text, int[] ids) = kept[i];
            CutPrompt? prompt = await WholeCharactersAsync(client, model, text, ids, decoded[i], cut.Min, cancel);
            prompts.AddRange(prompt is null ? [] : [prompt with { Id = $"{id}#{prompt.Ids.Count}" }]);
        }

        return prompts;
    }

    /// <summary>A cut inside a character's bytes moves back to the character's start; null where too few tokens remain.</summary>
    private static async Task<CutPrompt?> WholeCharactersAsync(
        InferenceClient client,
        string model,
        string source,
        int[] ids,
        string text,
        int min,
        CancellationToken cancel)
    {
        while (text.Contains(Broken, StringComparison.Ordinal) && !source.Contains(Broken, StringComparison.Ordinal))
        {
            ids = ids[..^1];
            if (ids.Length < min)
            {
                return null;
            }

            text = (await DecodeAsync(client, model, [ids], cancel))[0];
        }

        return new CutPrompt("", text, ids);
    }

    private static async Task<IReadOnlyList<string>> DecodeAsync(
        InferenceClient client,
        string model,
        IEnumerable<int[]> sequences,
        CancellationToken cancel)
    {
        async Task<IReadOnlyList<string>> AskAsync(TokenIds[] chunk) =>
            (await client.DecodeAsync(new DecodeRequest { Model = model, Sequences = { chunk } }, cancel)).Texts;
        IEnumerable<TokenIds> inputs = sequences.Select(ids => new TokenIds { Ids = { ids } });
        return await InputChunks.AskAsync("Models.Decode", inputs, ids => ids.CalculateSize(), AskAsync);
    }
}
