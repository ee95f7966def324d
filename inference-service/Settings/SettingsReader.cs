using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Rudder.InferenceService.Settings;

/// <summary>Binds configuration to settings objects. Unknown keys are errors. Checks data annotations, in nested objects too.</summary>
internal static class SettingsReader
{
    /// <summary>Binds a section.</summary>
    /// <typeparam name="T">The settings.</typeparam>
    /// <param name="section">The section.</param>
    /// <param name="faults">Gets unknown keys and inconvertible values by full path, or else all values outside their limits.</param>
    /// <returns>The settings; null if a key is unknown or a value cannot be converted.</returns>
    public static T? Read<T>(IConfigurationSection section, ICollection<string> faults)
        where T : class, new()
    {
        int before = faults.Count;
        FindUnknown(section, typeof(T), faults);
        if (faults.Count > before)
        {
            return null;
        }

        try
        {
            var settings = section.Get<T>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new T();
            Validate(section.Path, settings, faults);
            return settings;
        }
        catch (InvalidOperationException e)
        {
            faults.Add(string.Join(' ', new[] { e.Message, e.InnerException?.Message }.OfType<string>()));
            return null;
        }
    }

    // The binder reports unknown keys too, but not where they are.
    private static void FindUnknown(IConfigurationSection section, Type type, ICollection<string> faults)
    {
        if (type.IsArray)
        {
            foreach (var element in section.GetChildren())
            {
                FindUnknown(element, type.GetElementType()!, faults);
            }

            return;
        }

        if (typeof(IDictionary).IsAssignableFrom(type))
        {
            if (section.Value is { Length: > 0 } scalar)
            {
                faults.Add($"{section.Path} is '{scalar}', but it is a group of keys, such as {section.Path}:Default.");
            }

            return;
        }

        var properties = (IsGroup(type) ? type.GetProperties() : []).ToDictionary(property => property.Name, property => property.PropertyType, StringComparer.OrdinalIgnoreCase);
        if (section.Value is { Length: > 0 } value && IsGroup(type))
        {
            faults.Add($"{section.Path} is '{value}', but it is a group of keys: {string.Join(", ", properties.Keys)}.");
        }

        foreach (var child in section.GetChildren())
        {
            if (properties.TryGetValue(child.Key, out var known))
            {
                FindUnknown(child, known, faults);
            }
            else
            {
                faults.Add($"{child.Path} is not a setting.{Spelling.Hint(child.Key, properties.Keys)} {section.Path} takes {string.Join(", ", properties.Keys)}.");
            }
        }
    }

    private static void Validate(string path, object settings, ICollection<string> faults)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(settings, new ValidationContext(settings), results, validateAllProperties: true);
        foreach (var result in results)
        {
            string member = result.MemberNames.First();
            object? value = settings.GetType().GetProperty(member)?.GetValue(settings);
            string shown = value is null or Array ? "" : string.Create(CultureInfo.InvariantCulture, $" is '{value}'");
            faults.Add($"{path}:{member}{shown}: {result.ErrorMessage}");
        }

        foreach (string conflict in (settings as IChecked)?.Conflicts() ?? [])
        {
            faults.Add(conflict);
        }

        foreach (var property in settings.GetType().GetProperties().Where(property => IsGroup(property.PropertyType.GetElementType() ?? property.PropertyType)))
        {
            string inner = $"{path}:{property.Name}";
            switch (property.GetValue(settings))
            {
                case IList elements:
                    for (int i = 0; i < elements.Count; i++)
                    {
                        Validate($"{inner}:{i}", elements[i]!, faults);
                    }

                    break;
                case { } group:
                    Validate(inner, group, faults);
                    break;
            }
        }
    }

    private static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && !type.IsArray && !typeof(IDictionary).IsAssignableFrom(type);
}

/// <summary>Settings that can contradict each other.</summary>
internal interface IChecked
{
    /// <summary>One line for each contradiction, with the full paths of its keys.</summary>
    IEnumerable<string> Conflicts();
}
