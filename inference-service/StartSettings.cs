using Rudder.Engine;
using Rudder.Engine.Graphs;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary>Everything that the service is told at start, checked together: flags, settings, certificate, keys, addresses.</summary>
/// <param name="Options">Section <c>Service</c>.</param>
/// <param name="Grpc">Addresses of the gRPC face.</param>
/// <param name="Http">Addresses of the HTTP/1.1 face; may be none.</param>
/// <param name="Files">Certificate and keys.</param>
internal sealed record StartSettings(ServiceOptions Options, IReadOnlyList<ListenAddress> Grpc, IReadOnlyList<ListenAddress> Http, SecurityFiles Files)
{
    private const string UrlsKey = "urls";
    private const string HttpUrlsKey = "http-urls";

    // ASP.NET Core's own: true makes Kestrel listen where its settings say (http_ports, urls) instead of where the checked addresses are.
    private const string PreferHostingUrlsKey = "preferHostingUrls";

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="UsageException">Something is wrong; the message lists everything that is.</exception>
    public static StartSettings Read(CommandLine line, IConfiguration configuration, TimeProvider time)
    {
        var faults = new List<string>();
        var settings = Read(line, configuration, time, faults);
        return faults.Count == 0 ? settings : throw UsageException.Of(faults);
    }

    /// <summary>Reads and checks everything, as far as it goes.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="configuration">All settings, flags among them.</param>
    /// <param name="time">The clock, for expiry.</param>
    /// <param name="faults">Gets everything that is wrong.</param>
    public static StartSettings Read(CommandLine line, IConfiguration configuration, TimeProvider time, ICollection<string> faults)
    {
        foreach (string fault in line.Faults)
        {
            faults.Add(fault);
        }

        if (configuration.GetSection("Kestrel").Exists())
        {
            faults.Add("The settings have a section Kestrel, which could listen beside --urls; remove it and use --urls.");
        }

        if (configuration[PreferHostingUrlsKey] is { } prefers && (prefers == "1" || prefers.Equals("true", StringComparison.OrdinalIgnoreCase)))
        {
            faults.Add($"{PreferHostingUrlsKey} is '{prefers}', which would listen elsewhere than --urls says; remove it and use --urls.");
        }

        HostSettings.Check(configuration, faults);
        var options = OptionsReader.Read(configuration, faults);
        if (options.Device == GraphDevice.Cuda && CudaProvider.Fault(options.CudaProviderLibrary) is { } noDevice)
        {
            faults.Add(noDevice);
        }

        var files = new SecurityFiles(Identity(options.Tls, time, faults), Keys(options.ApiKeysFile, time, faults));

        // What is configured counts, even where the file is faulty: its fault is told once, not at every address.
        bool certificate = options.Tls.CertificateFile.Length > 0;
        bool knownCallers = options.ApiKeysFile.Length > 0 || options.Tls.ClientCaFile.Length > 0;
        var rules = new ListenRules(certificate, knownCallers, options.AllowRemote);
        var grpc = ListenAddresses.Parse("--urls", line.Urls ?? configuration[UrlsKey] ?? ListenAddresses.Default, rules, faults);
        IReadOnlyList<ListenAddress> http = configuration[HttpUrlsKey] is { } urls ? ListenAddresses.Parse("--http-urls", urls, rules, faults) : [];
        return new StartSettings(options, grpc, http, files);
    }

    private static FileBacked<ServerIdentity>? Identity(TlsOptions tls, TimeProvider time, ICollection<string> faults) =>
        tls.CertificateFile.Length > 0 && tls.KeyFile.Length > 0
            ? Opened(() => ServerIdentity.Open(tls, time.GetUtcNow()), faults)
            : null;

    private static FileBacked<ApiKeys>? Keys(string path, TimeProvider time, ICollection<string> faults) =>
        path.Length > 0 ? Opened(() => ApiKeysFile.Open(path, time.GetUtcNow()), faults) : null;

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
