using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Rudder.Trainer.Losses;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Refuses unknown keys and out-of-range values. Errors name the setting, the value and the limit.</summary>
internal static class RecipeCheck
{
    /// <summary>Refuses keys that are not settings of <paramref name="type"/>, and nulls for required values, at every depth.</summary>
    public static void Keys(JsonObject json, Type type, string prefix, string path)
    {
        foreach ((string key, JsonNode? value) in json)
        {
            PropertyInfo property = Find(type, key)
                ?? throw new BadInputException($"{path}: there is no setting '{prefix}{key}'.{Known(type, key)}");
            if (value is null && new NullabilityInfoContext().Create(property).WriteState != NullabilityState.Nullable)
            {
                throw new BadInputException($"{path}: {prefix}{key} is null; give a value, or leave the key out for its default.");
            }

            if (value is JsonArray list && list.Contains(null))
            {
                throw new BadInputException($"{path}: {prefix}{key}[{list.IndexOf(null)}] is null; every element takes a value.");
            }

            if (value is JsonObject inner && IsSettings(property.PropertyType))
            {
                Keys(inner, property.PropertyType, $"{prefix}{key}.", path);
            }

            if (value is JsonArray rows && ElementOf(property.PropertyType) is { } element)
            {
                for (int i = 0; i < rows.Count; i++)
                {
                    Keys(rows[i] as JsonObject ?? throw new BadInputException($"{path}: {prefix}{key}[{i}] is not an object."), element, $"{prefix}{key}[{i}].", path);
                }
            }
        }
    }

    /// <summary>Refuses values outside their declared ranges, at every depth.</summary>
    public static void Values(object settings, string prefix, string path)
    {
        foreach (PropertyInfo property in settings.GetType().GetProperties().Where(p => p.CanWrite))
        {
            object? value = property.GetValue(settings);
            string key = prefix + RecipeReader.KeyOf(property.Name);
            foreach (ValidationAttribute rule in property.GetCustomAttributes<ValidationAttribute>())
            {
                if (value is not null && !rule.IsValid(value))
                {
                    throw new BadInputException($"{path}: {key} is {Show(value)}; it takes {Describe(rule)}.");
                }
            }

            if (value is double number && !double.IsFinite(number))
            {
                throw new BadInputException($"{path}: {key} is {number}; it takes a finite number.");
            }

            if (value is not null && IsSettings(property.PropertyType))
            {
                Values(value, key + ".", path);
            }

            if (value is System.Collections.IEnumerable rows && ElementOf(property.PropertyType) is not null)
            {
                foreach ((int i, object row) in rows.Cast<object>().Index())
                {
                    Values(row, $"{key}[{i}].", path);
                }
            }
        }
    }

    /// <summary>Refuses a number that the named schedule would ignore; 0 is every schedule's default.</summary>
    public static void Schedule(ScheduleSettings schedule, string path)
    {
        Refuse(schedule.DecaySteps != 0 && schedule.Name != "constant", "decay_steps", schedule.DecaySteps, "constant");
        Refuse(schedule.Minimum != 0 && schedule.Name != "cosine", "minimum", schedule.Minimum, "cosine");

        void Refuse(bool unread, string key, double value, string reader)
        {
            if (unread)
            {
                throw new BadInputException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{path}: schedule.{key} is {value}, but schedule.name is '{schedule.Name}' and only {reader} reads it. Leave it out, or choose {reader}."));
            }
        }
    }

    /// <summary>The setting called <paramref name="key"/> in a recipe file, or null.</summary>
    public static PropertyInfo? Find(Type type, string key) =>
        SettingsOf(type).FirstOrDefault(p => RecipeReader.KeyOf(p.Name) == key);

    /// <summary>Ends the message about an unknown key with the closest setting at this place and the full list.</summary>
    public static string Known(Type type, string key)
    {
        string[] known = [.. SettingsOf(type).Select(p => RecipeReader.KeyOf(p.Name)).Distinct().Order(StringComparer.Ordinal)];
        return $"{Spelling.Hint(key, known)} Known here: {string.Join(", ", known)}.";
    }

    /// <summary>The settings at this place of a recipe. An extension-data property stands for the settings of all losses.</summary>
    private static IEnumerable<PropertyInfo> SettingsOf(Type type) => type.GetProperties()
        .Where(p => p.CanWrite)
        .SelectMany(p => p.IsDefined(typeof(JsonExtensionDataAttribute)) ? PreferenceLoss.All.Values.SelectMany(loss => loss.Settings()) : [p]);

    private static bool IsSettings(Type type) =>
        type.IsClass && type.Namespace is not null && type.Namespace.StartsWith("Rudder.", StringComparison.Ordinal);

    /// <summary>The type of a list's elements if they are settings themselves, or null.</summary>
    private static Type? ElementOf(Type list) => list.IsGenericType && list.GetGenericArguments() is [Type element] && IsSettings(element) ? element : null;

    private static string Show(object value) =>
        value is string text ? $"'{text}'"
        : value is System.Collections.IEnumerable list ? $"[{string.Join(", ", list.Cast<object>())}]"
        : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    private static string Describe(ValidationAttribute rule) =>
        rule switch
        {
            RangeAttribute { Maximum: double.MaxValue } r => $"a number {(r.MinimumIsExclusive ? "above 0" : "of 0 or more")}",
            RangeAttribute r => string.Create(
                CultureInfo.InvariantCulture,
                $"{(r.MinimumIsExclusive ? "above " : string.Empty)}{r.Minimum} to {(r.MaximumIsExclusive ? "below " : string.Empty)}{r.Maximum}"),
            AllowedValuesAttribute a => "one of " + string.Join(", ", a.Values),
            LengthAttribute l => l.MinimumLength == l.MaximumLength ? $"{l.MinimumLength} values" : $"{l.MinimumLength} to {l.MaximumLength} values",
            RegularExpressionAttribute r => $"a text of the form {r.Pattern}",
            MinLengthAttribute m => $"at least {m.Length} value{(m.Length == 1 ? string.Empty : "s")}",
            _ => rule.FormatErrorMessage("it"),
        };
}
