using System.Net;
using Rudder.Engine;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService;

/// <summary>Everything a start reads, checked together: flags, settings, certificate, keys, addresses.</summary>
/// <param name="Options">Section <c>Service</c>.</param>
/// <param name="Grpc">Addresses of the gRPC face.</param>
/// <param name="Http">Addresses of the HTTP/1.1 face; may be none.</param>
/// <param name="Files">Certificate and keys.</param>
internal sealed record StartSettings(ServiceOptions Options, IReadOnlyList<ListenAddress> Grpc, IReadOnlyList<ListenAddress> Http, SecurityFiles Files)
{
    private const string UrlsKey = "urls";
    private const string HttpUrlsKey = "http-urls";
    private const string AllowedHostsKey = "AllowedHosts";

    /// <summary>Host names that requests may carry; <c>*</c> allows all.</summary>
    public required IReadOnlyList<string> Hosts { get; init; }

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="UsageException">Something is wrong. The message lists all faults.</exception>
    public static StartSettings Read(CommandLine line, IConfiguration configuration, TimeProvider time)
    {
        if (line.Faults.Count > 0)
        {
            throw UsageException.Of(line.Faults);
        }

        var faults = new List<string>();
        HostSettings.Check(configuration, faults);

        // Not ValidateOnStart: Kestrel needs addresses and limits before the host is built.
        var options = SettingsReader.Read<ServiceOptions>(configuration.GetSection("Service"), faults)
            ?? throw UsageException.Of(faults); // further checks need valid settings
        if (EngineHost.DeviceFault(options) is { } noDevice)
        {
            faults.Add(noDevice.Describe($"Service:{noDevice.Field}"));
        }

        if (configuration[TelemetrySetup.EndpointVariable] is { Length: > 0 } collector && !TelemetryOptions.IsCollector(collector))
        {
            faults.Add($"{TelemetrySetup.EndpointVariable} is not a URL such as http://127.0.0.1:4317. Correct it, or unset it to send nothing.");
        }

        var files = new SecurityFiles(Identity(options.Tls, time, faults), Keys(options.ApiKeysFile, time, faults));
        var grpc = ListenAddresses.Parse("--urls", line.Urls ?? configuration[UrlsKey] ?? ListenAddresses.Default, options, faults);
        IReadOnlyList<ListenAddress> http =
            (line.HttpUrls ?? configuration[HttpUrlsKey]) is { } urls ? ListenAddresses.Parse("--http-urls", urls, options, faults) : [];
        string[] hosts = AllowedHosts(configuration, options, [.. grpc, .. http], faults);
        return faults.Count == 0
            ? new StartSettings(options, grpc, http, files) { Hosts = hosts }
            : throw UsageException.Of(faults);
    }

    // A web page of another site can reach a loopback service through its own host name (DNS rebinding). Calls with a key or a client
    // certificate are safe: the browser does not send these. A cleartext address checks no certificate.
    private static string[] AllowedHosts(
        IConfiguration configuration, ServiceOptions options, IReadOnlyList<ListenAddress> addresses, ICollection<string> faults)
    {
        if (configuration[AllowedHostsKey]?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is { Length: > 0 } set)
        {
            return set;
        }

        if (options.ApiKeysFile.Length > 0 || (options.Tls.ClientCaFile.Length > 0 && addresses.All(address => address.Tls)))
        {
            return ["*"];
        }

        if (addresses.FirstOrDefault(address => address.EndPoint.Address.Equals(IPAddress.Any) || address.EndPoint.Address.Equals(IPAddress.IPv6Any)) is { } any)
        {
            faults.Add($"{any} takes calls under names of this machine that the service does not know, and calls come without keys. "
                + "Set AllowedHosts to the names and addresses that callers use, for example --AllowedHosts \"rudder.example;10.0.0.5\".");
        }

        return ["localhost", "127.0.0.1", "[::1]", .. addresses.Select(address => new Uri(address.ToString()).Host)];
    }

    private static FileBacked<ServerIdentity>? Identity(TlsOptions tls, TimeProvider time, ICollection<string> faults) =>
        tls.CertificateFile.Length > 0 && tls.KeyFile.Length > 0
            ? Opened(() => ServerIdentity.Open(tls, time.GetUtcNow()), faults)
            : null;

    private static FileBacked<ApiKeys>? Keys(string path, TimeProvider time, ICollection<string> faults) =>
        path.Length > 0 ? Opened(() => ApiKeys.Open(path, time.GetUtcNow()), faults) : null;

    private static T? Opened<T>(Func<T> open, ICollection<string> faults)
        where T : class
    {
        try
        {
            return open();
        }
        catch (SecurityFileException e)
        {
            foreach (string fault in e.Message.Split('\n'))
            {
                faults.Add(fault);
            }

            return null;
        }
    }
}
