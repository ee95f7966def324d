using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Rudder.Trainer.Export;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>docs/recipes.md, and docs/export.md for export, document every setting once, with the default that the settings classes have.</summary>
public sealed partial class RecipeDocumentsTests
{
    private const string Common = "Keys of every training recipe (`sft`, `classifier`, `dpo`, `kto`, `reward`, `reinforce`, `rloo`, `grpo`, `ppo`, `online-dpo`)";
    private const string OnPolicy = "Keys of the on-policy recipes (`reinforce`, `rloo`, `grpo`, `ppo`, `online-dpo`)";
    private static readonly Dictionary<string, string> Recipes = Sections("recipes.md");

    public static TheoryData<string> Commands =>
        ["`sft`", "`classifier`", "`tokenizer`", "`dpo`", "`kto`", "`reward`", "`reinforce`", "`rloo`", "`grpo`", "`ppo`", "`online-dpo`"];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Settings_OfACommand_StandInItsSectionOrTheCommonOne(string command)
    {
        object recipe = RecipeOf(command);
        string shared = (recipe is TrainingRecipe ? Recipes[Common] : string.Empty) + "\n" + (recipe is OnPolicyRecipe ? Recipes[OnPolicy] : string.Empty);
        Dictionary<string, string> own = Rows(Recipes[command]), common = Rows(shared);
        Assert.Empty(own.Keys.Intersect(common.Keys));
        foreach ((string key, object? value) in Settings(recipe, string.Empty))
        {
            string? documented = own.GetValueOrDefault(key) ?? common.GetValueOrDefault(key);
            bool mentioned = Mentions(Recipes[command], key) || Mentions(shared, key); // "as in sft", `export.*`
            Assert.True(documented is not null || mentioned, $"{command}: docs/recipes.md does not document {key}");
            if (documented is { Length: > 0 } && Text(value) is { } expected)
            {
                Assert.Equal($"{key}: {expected}", $"{key}: {documented}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Documents_OfACommand_NameNoSettingThatItLacks(string command)
    {
        HashSet<string> known =
        [
            .. Settings(RecipeOf(command), string.Empty).Select(setting => setting.Key),
            .. typeof(Kl).Assembly.GetTypes().Where(type => type.Namespace == typeof(Kl).Namespace)
                .SelectMany(type => type.GetProperties()).Select(property => RecipeReader.KeyOf(property.Name)),
        ];
        Assert.DoesNotContain(Rows(Recipes[command]).Keys, key => !known.Contains(key));
    }

    [Fact]
    public void Documents_OfEveryLoss_HoldItsNameAndItsSettingsWithTheirDefaults()
    {
        Dictionary<string, string> rows = Rows(Recipes["`dpo`"]);
        Assert.All(
            PreferenceLoss.All.Values.SelectMany(loss => loss.Settings().Select(setting => (Key: RecipeReader.KeyOf(setting.Name), Loss: loss.Name, Value: setting.GetValue(loss)))),
            setting => Assert.Equal($"{setting.Key}: {Text(setting.Value)}", $"{setting.Key}: {DefaultFor(setting.Loss, rows.GetValueOrDefault(setting.Key))}"));
        Assert.All(PreferenceLoss.All.Keys, name => Assert.Contains($"`{name}`", Recipes["Preference losses"], StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_OfExport_StandInExportMdWithTheirDefaults()
    {
        Dictionary<string, string> rows = Rows(Sections("export.md")["Settings"], column: 2);
        Assert.Equal(Settings(new ExportRecipe(), string.Empty).Select(setting => setting.Key).Order(), rows.Keys.Order());
        Assert.All(Settings(new ExportRecipe(), string.Empty), setting => Assert.Equal(Text(setting.Value) ?? rows[setting.Key], rows[setting.Key]));
    }

    /// <summary>The default for one loss: "0.1; exo-pair 0.001" means 0.1, but 0.001 for exo-pair.</summary>
    private static string? DefaultFor(string loss, string? documented)
    {
        string[]? parts = documented?.Split("; ");
        return parts?.Skip(1).FirstOrDefault(part => part.StartsWith(loss + " ", StringComparison.Ordinal))?[(loss.Length + 1)..] ?? parts?[0];
    }

    private static object RecipeOf(string command) => command switch
    {
        "`sft`" => new SftRecipe(),
        "`classifier`" => new ClassifierRecipe(),
        "`tokenizer`" => new TokenizerRecipe(),
        "`kto`" => new KtoRecipe(),
        "`reward`" => new RewardRecipe(),
        "`reinforce`" => new ReinforceRecipe(),
        "`rloo`" => new RlooRecipe(),
        "`grpo`" => new GrpoRecipe(),
        "`ppo`" => new PpoRecipe(),
        "`online-dpo`" => new OnlineDpoRecipe(),
        _ => new PreferenceRecipe(),
    };

    /// <summary>Dotted key and default of each setting.</summary>
    private static IEnumerable<(string Key, object? Value)> Settings(object settings, string prefix)
    {
        foreach (PropertyInfo property in settings.GetType().GetProperties().Where(p => p.CanWrite && p.GetCustomAttribute<JsonExtensionDataAttribute>() is null))
        {
            string key = prefix + RecipeReader.KeyOf(property.Name);
            Type type = property.PropertyType;
            if (type.IsClass && type.Namespace!.StartsWith("Rudder.", StringComparison.Ordinal))
            {
                foreach ((string, object?) inner in Settings(property.GetValue(settings) ?? Activator.CreateInstance(type)!, key + "."))
                {
                    yield return inner;
                }
            }
            else
            {
                yield return (key, property.GetValue(settings));
            }
        }
    }

    /// <summary>A default as the tables write it; null where words describe it.</summary>
    private static string? Text(object? value) => value switch
    {
        bool flag => flag ? "true" : "false",
        int or double => Convert.ToString(value, CultureInfo.InvariantCulture)!.Replace("E-0", "e-", StringComparison.Ordinal),
        IEnumerable<double> numbers => $"[{string.Join(", ", numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)))}]",
        string { Length: > 0 } text => $"`{text}`",
        _ => null,
    };

    private static bool Mentions(string section, string key) =>
        section.Contains($"`{key}`", StringComparison.Ordinal)
        || Wildcard().Matches(section).Any(match => key.StartsWith(match.Groups[1].Value, StringComparison.Ordinal));

    /// <summary>Key and default of each row; a row may document several keys, with their defaults in the same order.</summary>
    private static Dictionary<string, string> Rows(string section, int column = 3)
    {
        var rows = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string[] cells in section.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|')))
        {
            string[] keys = [.. Key().Matches(cells[1]).Select(match => match.Groups[1].Value)];
            string all = cells[column].Trim();
            string[] defaults = keys.Length > 1 && all.Split(", ") is { } several && several.Length == keys.Length ? several : [.. keys.Select(_ => all)];
            foreach ((string key, string one) in keys.Zip(defaults))
            {
                Assert.True(rows.TryAdd(key, one), $"{key} is documented twice");
            }
        }

        return rows;
    }

    private static Dictionary<string, string> Sections(string page) =>
        File.ReadAllText(Path.Combine(Rudder.Tests.SharedFolder.Root, "docs", page)).Split("\n## ").Skip(1)
            .ToDictionary(section => section[..section.IndexOf('\n', StringComparison.Ordinal)], section => section);

    [GeneratedRegex("`([a-z0-9_.]+)`")]
    private static partial Regex Key();

    [GeneratedRegex(@"`([a-z_.]+)\*`")]
    private static partial Regex Wildcard();
}
