using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Commands;

/// <summary>Builds <c>trainer data inspect</c>: the first rows of a recipe's data as the tokens that the model reads and learns.</summary>
internal static class DataCommand
{
    private static readonly JsonSerializerOptions Lines = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // quotes and apostrophes stay readable
    };

    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var kind = new Argument<string>("command") { Description = "The command that the recipe is for: sft, dpo, kto or reward." };
        kind.AcceptOnlyFromAmong("sft", "dpo", "kto", "reward");
        var recipe = new Option<string>("--recipe") { Description = "Recipe file.", Required = true };
        var set = new Option<string[]>("--set") { Description = "Overrides a setting, as in training. May be repeated.", DefaultValueFactory = _ => [] };
        var rows = new Option<int>("--rows") { Description = "Sequences to show, 1 or more. Default: 4.", DefaultValueFactory = _ => 4 };
        rows.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("Option '--rows' needs a number of 1 or more.");
            }
        });
        var json = new Option<bool>("--json") { Description = "Print one JSON object per sequence: row, part, learned_from, ids, tokens." };
        var inspect = new Command(
            "inspect",
            "Shows rows as tokens, after templates and cuts: what the model reads, and what it learns. Nothing is trained or written.\n\nExample:\n"
            + "  trainer data inspect dpo --recipe dpo.json --rows 2")
        {
            kind, recipe, set, rows, json,
        };
        inspect.SetAction((parsed, _) => Failures.RunAsync(() =>
        {
            var request = new RunRequest { Command = parsed.GetValue(kind)!, Recipe = parsed.GetValue(recipe)!, Sets = parsed.GetValue(set)! };
            (TextTokenizer tokenizer, IReadOnlyList<DataSequence> sequences) = DataInspection.First(request, parsed.GetValue(rows));
            var display = new Display(Console.Out, !Console.IsOutputRedirected, TimeProvider.System);
            foreach (DataSequence sequence in sequences)
            {
                Show(sequence, [.. sequence.Ids.Select(id => Readable(tokenizer, id))], display, parsed.GetValue(json));
            }
        }));
        return new Command("data", "Looks at training data.") { inspect };
    }

    private static void Show(DataSequence sequence, string[] tokens, Display display, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { sequence.Row, sequence.Part, sequence.LearnedFrom, sequence.Ids, Tokens = tokens }, Lines));
            return;
        }

        display.Line($"{sequence.Row}, {sequence.Part}: {tokens.Length} tokens, {tokens.Length - sequence.LearnedFrom} of them learned");
        display.Line("  read   " + string.Join('|', tokens[..sequence.LearnedFrom]), ConsoleColor.DarkGray);
        display.Line("  learn  " + string.Join('|', tokens[sequence.LearnedFrom..]), ConsoleColor.Green);
    }

    /// <summary>One token for people: the name of a special token, escapes for line breaks and tabs, \xNN for bytes of a part of a character.</summary>
    internal static string Readable(TextTokenizer tokenizer, int id)
    {
        byte[] bytes = tokenizer.Bytes(id).ToArray();
        if (bytes.Length == 0)
        {
            return tokenizer.SpecialTokens.FirstOrDefault(token => token.Value == id).Key ?? $"<{id}>";
        }

        string text = Encoding.UTF8.GetString(bytes);
        return text.Contains('\uFFFD', StringComparison.Ordinal)
            ? string.Concat(bytes.Select(part => part is >= 0x20 and < 0x7F ? ((char)part).ToString() : $"\\x{part:x2}"))
            : string.Concat(text.Select(letter => letter switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", _ => letter.ToString() }));
    }
}
