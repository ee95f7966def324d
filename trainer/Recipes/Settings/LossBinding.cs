using System.Text.Json;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Turns the names, weights and settings of a recipe into a loss, and back.</summary>
internal static class LossBinding
{
    /// <summary>The loss, or the mix, with its settings.</summary>
    /// <param name="names">Loss names with their weights; one name with weight 1 is that loss itself.</param>
    /// <param name="settings">Settings by key. Each part of a mix takes those that it has.</param>
    /// <exception cref="BadInputException">A loss is unknown, a weight is not above 0, or no part has such a setting.</exception>
    public static PreferenceLoss Bind(IReadOnlyDictionary<string, double> names, IReadOnlyDictionary<string, JsonElement> settings)
    {
        PreferenceLoss[] known = [.. names.Select(name => Known(name.Key, name.Value))];
        if (known.Length == 0)
        {
            throw new BadInputException(
                "loss is {}, without a name. Give one, as in \"dpo\", or several with weights, as in {\"dpo\": 0.8, \"sft\": 0.2}.");
        }

        RefuseForeign(names.Keys, known, settings);
        RefuseTwoDefaults(known, settings);
        PreferenceLoss[] bound = [.. known.Select(loss => RecipeReader.Bind<PreferenceLoss>(settings, loss.GetType()))];
        return names.Count == 1 && names.Values.Single() == 1
            ? bound[0]
            : new WeightedLosses([.. names.Values.Zip(bound)]) { Beta = bound[0].Beta };
    }

    /// <summary>The settings of a loss or of all parts of a mix, with every default filled in.</summary>
    public static Dictionary<string, JsonElement> Settings(PreferenceLoss loss) =>
        PartsOf(loss).SelectMany(part => RecipeReader.Unbind(part)).DistinctBy(setting => setting.Key).ToDictionary();

    /// <summary>Refuses settings out of range.</summary>
    /// <param name="loss">A loss or a mix.</param>
    /// <param name="path">The recipe file, for messages.</param>
    public static void CheckValues(PreferenceLoss loss, string path)
    {
        foreach (PreferenceLoss part in PartsOf(loss))
        {
            RecipeCheck.Values(part, string.Empty, path);
        }
    }

    private static IEnumerable<PreferenceLoss> PartsOf(PreferenceLoss loss) =>
        loss is WeightedLosses mix ? mix.Parts.Select(part => part.Loss) : [loss];

    private static PreferenceLoss Known(string name, double weight)
    {
        if (!PreferenceLoss.All.TryGetValue(name, out PreferenceLoss? loss))
        {
            throw new BadInputException(
                $"loss is '{name}'.{Spelling.Hint(name, PreferenceLoss.All.Keys)} Known losses are {string.Join(", ", PreferenceLoss.All.Keys)}.");
        }

        return double.IsFinite(weight) && weight > 0
            ? loss
            : throw new BadInputException(FormattableString.Invariant(
                $"loss.{name} is {weight}; a weight is a finite number above 0. Leave the loss out to give it none."));
    }

    private static void RefuseForeign(IEnumerable<string> names, PreferenceLoss[] losses, IReadOnlyDictionary<string, JsonElement> settings)
    {
        if (settings.Keys.FirstOrDefault(key => !losses.Any(loss => Has(loss, key))) is string foreign)
        {
            throw new BadInputException(
                $"{foreign} is {settings[foreign]}, but loss '{string.Join("' + '", names)}' has no such setting. Leave it out, or choose "
                + $"{string.Join(" or ", PreferenceLoss.All.Values.Where(loss => Has(loss, foreign)).Select(loss => loss.Name))}.");
        }
    }

    /// <summary>A recipe has one value for each key, so parts with different defaults need that value written out.</summary>
    private static void RefuseTwoDefaults(PreferenceLoss[] losses, IReadOnlyDictionary<string, JsonElement> settings)
    {
        var all = losses.SelectMany(loss => loss.Settings().Select(p => (Key: RecipeReader.KeyOf(p.Name), Loss: loss.Name, Value: p.GetValue(loss))));
        foreach (var setting in all.GroupBy(s => s.Key))
        {
            if (!settings.ContainsKey(setting.Key) && setting.DistinctBy(s => s.Value).Count() > 1)
            {
                string defaults = string.Join(", ", setting.Select(s => FormattableString.Invariant($"{s.Value} in {s.Loss}")));
                throw new BadInputException(
                    $"{setting.Key} is not given, and the parts of the loss have different defaults ({defaults}). Give it a value.");
            }
        }
    }

    private static bool Has(PreferenceLoss loss, string key) => loss.Settings().Any(setting => RecipeReader.KeyOf(setting.Name) == key);
}
