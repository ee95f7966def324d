using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// The added tokens of a folder with a <c>tokenizer.json</c>: its own, then those of <c>tokenizer_config.json</c>, whose flags win, and
/// of <c>added_tokens.json</c>, as in transformers.
/// </summary>
internal static class AddedTokenFiles
{
    /// <summary>The added tokens of all files.</summary>
    /// <param name="path">The <c>tokenizer.json</c>.</param>
    /// <param name="own">Its key <c>added_tokens</c>.</param>
    /// <param name="vocabulary">Its vocabulary.</param>
    /// <param name="settings">The settings of the files beside it.</param>
    /// <exception cref="CheckpointException">A token is unsound, or two files give it different ids.</exception>
    public static AddedToken[] Merge(string path, JsonArray own, Dictionary<string, int> vocabulary, TokenizerSettings settings)
    {
        string folder = Path.GetDirectoryName(path)!;
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in own.Select(node => TokenizerJson.Added(path, node, node?["id"], vocabulary)))
        {
            if (!tokens.TryAdd(token.Content, token))
            {
                throw new CheckpointException($"{path}: added token '{token.Content}' is there 2 times. Keep one of them.");
            }
        }

        string configured = Path.Combine(folder, ModelFiles.TokenizerConfig);
        foreach (var (id, node) in settings.AddedTokens)
        {
            var number = int.TryParse(id, out int value) ? JsonValue.Create(value) : null;
            Put(configured, TokenizerJson.Added(configured, node, number, vocabulary), replace: true);
        }

        string older = Path.Combine(folder, ModelFiles.AddedTokens);
        foreach (var token in VocabularyFiles.ReadAdded(older, vocabulary))
        {
            Put(older, token, replace: false);
        }

        AddedToken[] all = [.. tokens.Values.OrderBy(token => token.Id)];
        TokenizerJson.RequireTotal(path, all);
        RequireOwnIds(path, all);
        return all;

        void Put(string file, AddedToken token, bool replace)
        {
            if (tokens.TryGetValue(token.Content, out var known) && known.Id != token.Id)
            {
                throw new CheckpointException(
                    $"{file}: added token '{token.Content}' has id {token.Id}, but {known.Id} in another file of the folder. Make them equal.");
            }

            if (replace || known is null)
            {
                tokens[token.Content] = token;
            }
        }
    }

    private static void RequireOwnIds(string path, AddedToken[] byId)
    {
        for (int i = 1; i < byId.Length; i++)
        {
            if (byId[i].Id == byId[i - 1].Id)
            {
                throw new CheckpointException(
                    $"{path}: added tokens '{byId[i - 1].Content}' and '{byId[i].Content}' both have id {byId[i].Id}; ids must differ.");
            }
        }
    }
}
