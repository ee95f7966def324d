using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Engine;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary><c>--check-config</c>: checks everything that a start reads, loads no model, and reports all faults or the settings.</summary>
internal static class ConfigCheck
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };

    /// <summary>Checks flags, settings, certificate, keys, addresses and the folder of each model.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="output">Gets the settings as JSON in the form of appsettings.json. They contain paths of keys, never keys.</param>
    /// <param name="error">Gets every fault of a model, or what was checked.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="UsageException">A flag or a setting is wrong. The message lists all faults.</exception>
    public static int Run(CommandLine line, TextWriter output, TextWriter error)
    {
        var settings = StartSettings.Read(line, ServiceHost.NewBuilder(line).Configuration, TimeProvider.System);
        List<string> faults = [.. settings.Options.Models.SelectMany(model => EngineHost.Check(model.ToSource(), settings.Options))];
        if (faults.Count > 0)
        {
            error.WriteLine(string.Join('\n', faults.Select(fault => "- " + fault)));
            return ExitCodes.BadInput;
        }

        error.WriteLine($"usable: {settings.Options.Models.Length} models, {settings.Files.Keys?.Current.Count ?? 0} API keys");
        output.WriteLine(JsonSerializer.Serialize(Resolved(settings), Indented));
        return ExitCodes.Done;
    }

    private static Dictionary<string, object> Resolved(StartSettings settings)
    {
        var resolved = new Dictionary<string, object> { ["urls"] = string.Join(';', settings.Grpc) };
        if (settings.Http.Count > 0)
        {
            resolved["http-urls"] = string.Join(';', settings.Http);
        }

        var service = JsonSerializer.SerializeToNode(settings.Options, Indented)!;
        service[nameof(ServiceOptions.Telemetry)]![nameof(TelemetryOptions.OtlpEndpoint)] = WithoutPassword(settings.Options.Telemetry.OtlpEndpoint);
        resolved["Service"] = service;
        return resolved;
    }

    private static string WithoutPassword(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.UserInfo.Length > 0
            ? new UriBuilder(parsed) { UserName = "***", Password = "" }.ToString()
            : url;
}
