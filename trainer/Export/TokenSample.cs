using System.Reflection;
using Rudder.Checkpoints;
using Rudder.Datasets;

namespace Rudder.Trainer.Export;

/// <summary>Token sequences for checking graphs: from real texts if the model has a tokenizer, else random ids from a fixed seed.</summary>
internal sealed class TokenSample
{
    private const int RandomIds = 4096;
    private const int Seed = 20_240_501;                 // arbitrary, but fixed
    private const int MaxTexts = 64;

    private static readonly int[] PromptLengths = [1, 2, 3, 5, 9, 17, 33, 65, 120];

    private readonly int[] _stream;
    private int _next;

    private TokenSample(int[] stream) => _stream = stream;

    /// <summary>Opens the sample for a model.</summary>
    /// <param name="modelFolder">Its folder, with or without a tokenizer.</param>
    /// <param name="vocabularySize">Ids stay below this.</param>
    /// <param name="texts">File of reviews, cleaned of HTML as prompts are; null: the texts embedded in the trainer.</param>
    public static TokenSample Open(string modelFolder, int vocabularySize, string? texts)
    {
        var tokenizer = TextTokenizer.Load(modelFolder, vocabularySize);
        if (tokenizer is null)
        {
            return texts is null
                ? new TokenSample(Random(vocabularySize))
                : throw new BadInputException($"export.texts is {texts}, but {modelFolder} has no tokenizer to read it with. Leave export.texts out.");
        }

        IEnumerable<string> source = texts is null ? Own() : Reviews.Read(texts, cleanHtml: true).Take(MaxTexts).Select(review => review.Text);
        int[] ids = [.. source.SelectMany(text => tokenizer.Encode(text))];
        return ids.Length > 0 ? new TokenSample(ids) : throw new BadInputException($"{texts} holds no text; export.texts needs some to check the graphs on.");
    }

    /// <summary>Ragged rows for a decoder, each a prompt and <paramref name="steps"/> more tokens.</summary>
    public IReadOnlyList<int[]> Ragged(int context, int steps) =>
        [.. PromptLengths.Where(prompt => prompt + steps <= context).Select(prompt => Row(prompt + steps))];

    /// <summary>Rows of one length.</summary>
    public IReadOnlyList<int[]> Even(int rows, int length) => [.. Enumerable.Range(0, rows).Select(_ => Row(length))];

    /// <summary>Rows for a classifier, 3 to <paramref name="longest"/> tokens, with its start and end tokens.</summary>
    public IReadOnlyList<int[]> Texts(int rows, int longest, int? begin, int? end)
    {
        int[] before = begin is int first ? [first] : [], after = end is int last ? [last] : [];
        return [.. Enumerable.Range(0, rows).Select(row =>
        {
            int length = 3 + (row * (longest - 3) / Math.Max(1, rows - 1));
            return (int[])[.. before, .. Row(length - before.Length - after.Length), .. after];
        })];
    }

    private int[] Row(int length)
    {
        int[] row = new int[length];
        for (int i = 0; i < length; i++)
        {
            row[i] = _stream[_next];
            _next = (_next + 1) % _stream.Length;
        }

        return row;
    }

    private static int[] Random(int vocabularySize)
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, RandomIds).Select(_ => random.Next(vocabularySize))];
    }

    private static IEnumerable<string> Own()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("sample-texts.txt")
            ?? throw new InvalidOperationException("The resource sample-texts.txt is missing from the program.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
