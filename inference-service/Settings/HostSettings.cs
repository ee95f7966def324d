using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Logging.Console;

namespace Rudder.InferenceService.Settings;

/// <summary>Checks the settings that the host reads itself and would ignore, or fail on without naming them.</summary>
internal static class HostSettings
{
    private static readonly string[] FileKeys = ["Service", "Logging", "urls", "http-urls", "AllowedHosts"];

    // Set to true, Kestrel listens where its own settings say instead of at the checked addresses.
    private const string PreferHostingUrls = "preferHostingUrls";

    /// <summary>Adds a line for each key that does not exist, each value that cannot be converted, and each that would open other addresses.</summary>
    /// <param name="configuration">All settings.</param>
    /// <param name="faults">Gets them.</param>
    public static void Check(IConfiguration configuration, ICollection<string> faults)
    {
        if (configuration.GetSection("Kestrel").Exists())
        {
            faults.Add("The settings have a section Kestrel, which could listen beside --urls; remove it and use --urls.");
        }

        if (configuration[PreferHostingUrls] is { } prefers && (prefers == "1" || prefers.Equals("true", StringComparison.OrdinalIgnoreCase)))
        {
            faults.Add($"{PreferHostingUrls} is '{prefers}', which would listen elsewhere than --urls says; remove it and use --urls.");
        }

        // Of the environment only known keys are read; a settings file belongs to this service alone.
        foreach (var file in (configuration as IConfigurationRoot)?.Providers.OfType<JsonConfigurationProvider>() ?? [])
        {
            string[] separate = [.. FileKeys, "Kestrel", PreferHostingUrls];
            foreach (string key in file.GetChildKeys([], null).Except(separate, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add($"{file.Source.Path} holds '{key}', which is not a setting.{Spelling.Suggest(key, FileKeys)} It takes {string.Join(", ", FileKeys)}.");
            }
        }

        SettingsReader.Read<LoggingSettings>(configuration.GetSection("Logging"), faults);
    }

    /// <summary>Section Logging as far as the service takes it. The host reads it itself.</summary>
    private sealed class LoggingSettings
    {
        /// <summary>Level by category.</summary>
        public Dictionary<string, LogLevel> LogLevel { get; init; } = [];

        /// <summary>The console's own levels and format.</summary>
        public ConsoleSettings Console { get; init; } = new();
    }

    private sealed class ConsoleSettings
    {
        public Dictionary<string, LogLevel> LogLevel { get; init; } = [];

        public SimpleConsoleFormatterOptions FormatterOptions { get; init; } = new();
    }
}
