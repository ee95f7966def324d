using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Logging.Console;

namespace Rudder.InferenceService.Settings;

/// <summary>Checks the settings that the host reads: it would ignore wrong ones, or fail without naming them.</summary>
internal static class HostSettings
{
    private static readonly string[] FileKeys = ["Service", "Logging", "urls", "http-urls", "AllowedHosts"];

    // If true, Kestrel would listen on the addresses of its own settings instead of the checked ones.
    private const string PreferHostingUrls = "preferHostingUrls";

    /// <summary>Adds a line for each unknown key, each inconvertible value, and each setting that would open other addresses.</summary>
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

        // A settings file belongs to this service, so unknown keys are faults there; in the environment they are ignored.
        foreach (var file in (configuration as IConfigurationRoot)?.Providers.OfType<JsonConfigurationProvider>() ?? [])
        {
            string[] separate = [.. FileKeys, "Kestrel", PreferHostingUrls];
            foreach (string key in file.GetChildKeys([], null).Except(separate, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add($"{file.Source.Path} holds '{key}', which is not a setting.{Spelling.Hint(key, FileKeys)} It takes {string.Join(", ", FileKeys)}.");
            }
        }

        SettingsReader.Read<LoggingSettings>(configuration.GetSection("Logging"), faults);
    }

    /// <summary>The supported part of section Logging. The host reads it.</summary>
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
