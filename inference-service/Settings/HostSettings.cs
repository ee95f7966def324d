using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Logging.Console;

namespace Rudder.InferenceService.Settings;

/// <summary>Checks the settings that the host reads and would ignore or trip over without naming them: section Logging, and what else a settings file holds.</summary>
internal static class HostSettings
{
    // The last three are ASP.NET Core's; Kestrel and preferHostingUrls have faults of their own where they do harm.
    private static readonly string[] FileKeys = ["Service", "Logging", "urls", "http-urls", "AllowedHosts", "Kestrel", "preferHostingUrls"];

    /// <summary>Adds a line for each key that does not exist and each value that is none.</summary>
    /// <param name="configuration">All settings.</param>
    /// <param name="faults">Gets them.</param>
    public static void Check(IConfiguration configuration, ICollection<string> faults)
    {
        CheckFiles(configuration, faults);
        var logging = configuration.GetSection("Logging");
        CheckGroup(logging, ["LogLevel", "Console"], faults);
        CheckLevels(logging.GetSection("LogLevel"), faults);
        var console = logging.GetSection("Console");
        CheckGroup(console, ["LogLevel", "FormatterOptions"], faults);
        CheckLevels(console.GetSection("LogLevel"), faults);
        CheckFormat(console.GetSection("FormatterOptions"), faults);
    }

    // The console logger's own options, which it would refuse in words that name no setting.
    private static void CheckFormat(IConfigurationSection format, ICollection<string> faults)
    {
        const string Timestamp = "TimestampFormat", Color = "ColorBehavior";
        string[] flags = ["UseUtcTimestamp", "IncludeScopes", "SingleLine"];
        CheckGroup(format, [.. flags, Timestamp, Color], faults);
        foreach (string flag in flags.Where(flag => format[flag] is { } value && !bool.TryParse(value, out _)))
        {
            faults.Add($"{format.Path}:{flag} is '{format[flag]}'; it takes true or false.");
        }

        string[] colors = Enum.GetNames<LoggerColorBehavior>();
        if (format[Color] is { } color && !colors.Contains(color, StringComparer.OrdinalIgnoreCase))
        {
            faults.Add($"{format.Path}:{Color} is '{color}'; it takes {string.Join(", ", colors)}.");
        }
    }

    // Of the environment only what is asked for is read; a settings file is this service's alone.
    private static void CheckFiles(IConfiguration configuration, ICollection<string> faults)
    {
        foreach (var file in (configuration as IConfigurationRoot)?.Providers.OfType<JsonConfigurationProvider>() ?? [])
        {
            foreach (string key in file.GetChildKeys([], null).Except(FileKeys, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add($"{file.Source.Path} holds '{key}', which is no setting; it takes Service, Logging, urls, http-urls and AllowedHosts. Mend or remove it.");
            }
        }
    }

    private static void CheckGroup(IConfigurationSection section, IReadOnlyCollection<string> known, ICollection<string> faults)
    {
        foreach (var child in section.GetChildren().Where(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
        {
            faults.Add($"{child.Path} is no setting; {section.Path} knows {string.Join(", ", known)}.");
        }
    }

    private static void CheckLevels(IConfigurationSection levels, ICollection<string> faults)
    {
        if (levels.Value is { Length: > 0 } value)
        {
            faults.Add($"{levels.Path} is '{value}'; it is a group of keys, one for each category: {levels.Path}:Default, {levels.Path}:Rudder and so on.");
        }

        string[] names = Enum.GetNames<LogLevel>();
        foreach (var (category, level) in levels.AsEnumerable(makePathsRelative: true))
        {
            if (category.Length > 0 && level is not null && !names.Contains(level, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add($"{levels.Path}:{category} is '{level}'; it takes {string.Join(", ", names)}.");
            }
        }
    }
}
