using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary><c>--check-config</c>: reads and checks everything that a start would, loads nothing, and tells every fault or the settings.</summary>
internal static class ConfigCheck
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };

    /// <summary>Checks flags, settings, certificate, keys, addresses and the folder of each model.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="output">Gets the settings as JSON, as they could stand in appsettings.json. They hold paths of keys, never keys.</param>
    /// <param name="error">Gets every fault, or what was checked.</param>
    /// <returns>The exit code: a faulty setting comes before a faulty model.</returns>
    public static int Run(CommandLine line, TextWriter output, TextWriter error)
    {
        var settingFaults = new List<string>();
        var settings = StartSettings.Read(line, ServiceHost.NewBuilder(line).Configuration, TimeProvider.System, settingFaults);
        var modelFaults = new List<string>();
        foreach (var model in settings.Options.Models.Where(model => model.Path.Length > 0))
        {
            ModelCheck.Run(EngineSettings.Of(model), EngineSettings.Of(settings.Options), modelFaults);
        }

        foreach (string fault in settingFaults.Concat(modelFaults))
        {
            error.WriteLine("- " + fault);
        }

        if (settingFaults.Count + modelFaults.Count > 0)
        {
            return settingFaults.Count > 0 ? ExitCode.Usage : ExitCode.BadInput;
        }

        error.WriteLine($"usable: {settings.Options.Models.Length} models, {settings.Files.Keys?.Current.Names.Count() ?? 0} API keys");
        output.WriteLine(JsonSerializer.Serialize(Resolved(settings), Indented));
        return ExitCode.Done;
    }

    private static Dictionary<string, object> Resolved(StartSettings settings)
    {
        var resolved = new Dictionary<string, object> { ["urls"] = string.Join(';', settings.Grpc) };
        if (settings.Http.Count > 0)
        {
            resolved["http-urls"] = string.Join(';', settings.Http);
        }

        resolved["Service"] = settings.Options;
        return resolved;
    }
}
